import { createHash, randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeError } from '../core/errors.js';
import type { Log, Memento } from '../core/ports.js';
import { codeOf } from './atomic-file.js';
import { thisComputer } from './computer.js';

const fileName = 'host';

/** 128 random bits in hexadecimal digits. */
export const randomId = (): string => randomBytes(16).toString('hex');

const isId = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{32}$/.test(value);

/**
 * Where the extension runs: this computer, or a remote. Each host has a folder of its own for this extension, which on
 * a desktop all profiles share; so the id of the host lies there. globalState and SecretStorage lie where the editor's
 * windows are, and all hosts share them.
 * @see `globalStorageHome` in VS Code's localProcessExtensionHost.ts and remoteExtensionHost.ts; microsoft/vscode#130099
 */
export class Host {
  readonly #note: string;
  #filed: string | undefined;
  #id: string | undefined;

  /**
   * @param folder - the editor's folder for this extension
   * @param globalState - the editor's, not the part of one host
   * @param place - tells this computer from others whose folder has the same name
   */
  constructor(
    private readonly folder: string,
    private readonly globalState: Memento,
    private readonly log: Log,
    place = thisComputer(),
  ) {
    const text = JSON.stringify([place, folder]);
    this.#note = `storage.host.${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
  }

  /** The host's id; undefined while nobody has asked for `id` here. Makes nothing. */
  get known(): string | undefined {
    this.#filed ??= this.#read();
    return this.#filed ?? this.#noted();
  }

  /** The host's id, made when first asked for, the same in all windows from then on. */
  get id(): string {
    this.#id ??= this.#settled();
    return this.#id;
  }

  #settled(): string {
    const noted = this.#noted();
    const id = this.#inFile(noted ?? randomId());
    // A file that gets lost must not take everything along that is stored under its id.
    if (id !== noted)
      Promise.resolve(this.globalState.update(this.#note, id)).catch((error: unknown) => {
        this.log.warn(`The host's id is not noted in the editor's state: ${describeError(error)}`);
      });
    return id;
  }

  #noted(): string | undefined {
    const noted = this.globalState.get(this.#note);
    return isId(noted) ? noted : undefined;
  }

  #inFile(candidate: string): string {
    try {
      return this.#read() ?? this.#make(candidate);
    } catch (error) {
      this.log.warn(`The host's id has no file, so it is in the editor's state: ${describeError(error)}`);
      return candidate;
    }
  }

  #read(): string | undefined {
    try {
      const text = readFileSync(join(this.folder, fileName), 'utf8');
      return isId(text) ? text : undefined;
    } catch {
      return undefined;
    }
  }

  /** Two windows may do it at once; the id of one of them stays. */
  #make(candidate: string): string {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const path = join(this.folder, fileName);
    const scratch = `${path}.${randomId()}.tmp`;
    writeFileSync(scratch, candidate, { flag: 'wx', mode: 0o600, flush: true });
    try {
      linkSync(scratch, path);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    } finally {
      rmSync(scratch, { force: true });
    }
    const made = this.#read();
    if (made === undefined) throw new TypeError(`The file ${JSON.stringify(fileName)} is damaged.`);
    return made;
  }
}

import { createHash, randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describeError } from '../core/errors.js';
import type { Log, Memento } from '../core/ports.js';
import { codeOf } from './atomic-file.js';

const fileName = 'profile';
const mementoName = 'storage.profile';

const isId = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{32}$/.test(value);

/**
 * The editor's folder for this extension, on this host. The editor has one SecretStorage for all hosts and profiles, and
 * one setting may name the same directory for several of them; so what is ours there carries an id.
 *
 * Of globalState each profile has its own, and all hosts share it: it lies where the editor's windows are, also for an
 * extension that runs on a remote host. The folder is the other way round: each host has its own, and on a desktop all
 * profiles share it. A note in globalState therefore says for which host and folder it is.
 * @see microsoft/vscode#130099; `globalStorageHome` in its localProcessExtensionHost.ts is that of the default profile
 */
export class Profile {
  #id: string | undefined;
  readonly #note: string;

  /** @param folder - the editor's folder for this extension */
  constructor(
    private readonly folder: string,
    private readonly memento: Memento,
    private readonly log: Log,
    host = hostname(),
  ) {
    const place = createHash('sha256')
      .update(JSON.stringify([host, folder]))
      .digest('hex');
    this.#note = `${mementoName}.${place.slice(0, 16)}`;
  }

  /** 128 random bits in hexadecimal digits, made when first asked for, the same in all windows from then on. */
  get id(): string {
    this.#id ??= this.#find();
    return this.#id;
  }

  #find(): string {
    const noted = this.memento.get(this.#note);
    const id = this.#inFile(isId(noted) ? noted : randomBytes(16).toString('hex'));
    // A file that gets lost must not take everything along that is stored under its id.
    if (id !== noted)
      Promise.resolve(this.memento.update(this.#note, id)).catch((error: unknown) => {
        this.log.warn(`The profile's id is not noted in the editor's state: ${describeError(error)}`);
      });
    return id;
  }

  #inFile(candidate: string): string {
    try {
      return this.#read() ?? this.#make(candidate);
    } catch (error) {
      this.log.warn(`The profile's id has no file, so it is in the editor's state: ${describeError(error)}`);
      return candidate;
    }
  }

  #read(): string | undefined {
    try {
      const text = readFileSync(join(this.folder, fileName), 'utf8');
      if (!isId(text)) throw new TypeError(`The file ${JSON.stringify(fileName)} is damaged.`);
      return text;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Two windows may do it at once; the id of one of them stays. */
  #make(candidate: string): string {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const path = join(this.folder, fileName);
    const scratch = `${path}.${randomBytes(8).toString('hex')}.tmp`;
    writeFileSync(scratch, candidate, { flag: 'wx', mode: 0o600, flush: true });
    try {
      linkSync(scratch, path);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    } finally {
      rmSync(scratch, { force: true });
    }
    return this.#read() ?? candidate;
  }
}

import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeError } from '../core/errors.js';
import type { Log, Memento } from '../core/ports.js';
import { codeOf } from './atomic-file.js';

const fileName = 'profile';
const mementoName = 'storage.profile';

const isId = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{32}$/.test(value);

/**
 * This profile of the editor, on this host. The editor has one SecretStorage for all profiles, and for remotes too,
 * and one setting may name the same directory for several of them; so what is ours there carries this profile's id.
 */
export class Profile {
  #id: string | undefined;

  /** @param folder - the editor's folder for this extension, of which each profile on each host has its own */
  constructor(
    private readonly folder: string,
    private readonly memento: Memento,
    private readonly log: Log,
  ) {}

  /** 128 random bits in hexadecimal digits, made when first asked for, the same in all windows from then on. */
  get id(): string {
    this.#id ??= this.#find();
    return this.#id;
  }

  #find(): string {
    const noted = this.memento.get(mementoName);
    const candidate = isId(noted) ? noted : randomBytes(16).toString('hex');
    try {
      return this.#read() ?? this.#make(candidate);
    } catch (error) {
      this.log.warn(`The profile's id has no file, so it is in the editor's state: ${describeError(error)}`);
      void this.memento.update(mementoName, candidate);
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

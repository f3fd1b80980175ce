import { randomBytes } from 'node:crypto';
import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BrokerError } from '../core/errors.js';
import type { Log } from '../core/ports.js';
import { codeOf, persistently, replaceFile } from './atomic-file.js';
import { EncryptedStore } from './encrypted-store.js';
import { requirePrivateFolder } from './private-folder.js';
import {
  parseHeader,
  scryptCost,
  sealKey,
  serializeHeader,
  unsealKey,
  type Opener,
  type ScryptCost,
  type StoreHeader,
} from './store-header.js';
import { unlessMissing } from './unless-missing.js';

/** Without its header nothing in the folder can be read, so there are two. */
const headerNames = ['store.json', 'store.copy.json'] as const;

/** How an encrypted store is closed; `new` when there is none yet. */
export type Closure = 'new' | Opener['kind'];

/** The folder of an encrypted store, closed or not there yet. */
export class EncryptedFolder {
  constructor(
    private readonly path: string,
    private readonly log: Log,
    private readonly onSetAside: () => void = () => undefined,
    private readonly cost: ScryptCost = scryptCost,
  ) {}

  /** @throws BrokerError `storage_unusable` when the folder cannot be used, or has lost its header */
  async closure(): Promise<Closure> {
    return (await this.#header())?.opener.kind ?? 'new';
  }

  /**
   * Opens the store, or makes it when there is none.
   * @returns undefined when `opener` is not the one that the store was closed with
   * @throws BrokerError `storage_unusable`
   */
  async open(opener: Opener): Promise<EncryptedStore | undefined> {
    const header = (await this.#header()) ?? (await this.#make(opener));
    const key = await unsealKey(header, opener);
    return key && new EncryptedStore(this.path, key, this.log, this.onSetAside);
  }

  /**
   * Closes the store with `next` from now on.
   * @param opener - what opens it until then
   */
  async close(opener: Opener, next: Opener): Promise<void> {
    const header = await this.#header();
    const key = header && (await unsealKey(header, opener));
    if (key === undefined) throw new TypeError('Only what is open can be closed in another way.');
    const text = serializeHeader(await sealKey(key, next, this.cost));
    for (const name of headerNames) await replaceFile(this.path, name, text, this.log);
  }

  async #header(): Promise<StoreHeader | undefined> {
    await requirePrivateFolder(this.path);
    const texts = await Promise.all(headerNames.map((name) => this.#read(name)));
    const headers = texts.map((text) => (text === undefined ? undefined : parseHeader(text)));
    const sound = headers.find((header) => header !== undefined);
    if (sound !== undefined) {
      // The first one counts: a window that was killed while it wrote both has written that one.
      const text = serializeHeader(sound);
      for (const [index, name] of headerNames.entries())
        if (texts[index] !== text) await replaceFile(this.path, name, text, this.log);
      return sound;
    }
    const isEmpty = !(await readdir(this.path)).some((file) => file.endsWith('.entry'));
    if (isEmpty && texts.every((text) => text === undefined)) return undefined;
    const why = `${JSON.stringify(join(this.path, headerNames[0]))} is missing or damaged, without which nothing beside it can be read; restore it from a backup, or move the folder away to begin anew`;
    throw new BrokerError('storage_unusable', why, { details: { why } });
  }

  #read(name: string): Promise<string | undefined> {
    return unlessMissing(persistently(() => readFile(join(this.path, name), 'utf8')));
  }

  /** Two windows may do it at once; the header of one of them stays. */
  async #make(opener: Opener): Promise<StoreHeader> {
    const header = await sealKey(randomBytes(32), opener, this.cost);
    const [first] = headerNames;
    const scratch = join(this.path, `${first}.${randomBytes(8).toString('hex')}.tmp`);
    await writeFile(scratch, serializeHeader(header), { flag: 'wx', mode: 0o600, flush: true });
    try {
      await link(scratch, join(this.path, first));
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    } finally {
      await rm(scratch, { force: true });
    }
    return (await this.#header()) ?? header;
  }
}

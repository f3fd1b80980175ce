import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError } from '../core/errors.js';
import type { Log, SecretStore } from '../core/ports.js';
import { codeOf, persistently, replaceFile, sweep } from './atomic-file.js';
import { unlessMissing } from './unless-missing.js';

const ending = '.entry';
const quarantineName = 'quarantine';

/** The first bytes of every entry: what it is, and in which form. */
const magic = Buffer.from('MCE1');
const nonceBytes = 12;
const tagBytes = 16;

/**
 * Secrets as one sealed file each, so that windows never write over each other's and damage stays alone. A file is
 * named by a keyed digest, which reveals nothing; its content is AES-256-GCM with a nonce of its own for every write,
 * bound to the file's name, and holds the entry's name beside its value.
 */
export class EncryptedStore implements SecretStore {
  readonly #entryKey: Uint8Array;
  readonly #nameKey: Uint8Array;

  /**
   * @param folder - exists, and is for the user alone
   * @param key - 32 random bytes
   * @param onSetAside - is told of each entry that was damaged and is in quarantine now
   */
  constructor(
    private readonly folder: string,
    key: Uint8Array,
    private readonly log: Log,
    private readonly onSetAside: () => void,
  ) {
    this.#entryKey = subkey(key, 'entries');
    this.#nameKey = subkey(key, 'names');
  }

  /** @returns undefined when there is no such entry, or only a damaged one, which is then set aside */
  async get(name: string): Promise<string | undefined> {
    const digest = this.#digest(name);
    const sealed = await unlessMissing(persistently(() => readFile(this.#path(digest))));
    if (sealed === undefined) return undefined;
    const entry = this.#unseal(digest, sealed);
    if (entry !== undefined) return entry.value;
    this.log.error(`The encrypted entry ${digest.slice(0, 12)} is damaged; it is set aside.`);
    return this.#setAside(digest);
  }

  async store(name: string, value: string): Promise<void> {
    const digest = this.#digest(name);
    await replaceFile(this.folder, digest + ending, this.#seal(digest, { name, value }), this.log);
  }

  /** Removes an entry, and what was set aside of it. */
  async delete(name: string): Promise<void> {
    const digest = this.#digest(name);
    await rm(this.#path(digest), { force: true });
    const aside = (await this.#quarantined()).filter((file) => file.startsWith(`${digest}.`));
    for (const file of aside) await rm(this.#quarantinePath(file), { force: true });
  }

  /** How many damaged entries are set aside. */
  async setAside(): Promise<number> {
    return (await this.#quarantined()).length;
  }

  /**
   * Tries again what was set aside: another version may read it, or what was damaged has been restored. What is sound
   * now is put back, unless something newer is in its place.
   */
  async restore(): Promise<void> {
    await sweep(this.folder, await readdir(this.folder), this.log);
    for (const file of await this.#quarantined()) {
      try {
        await this.#putBack(file);
      } catch (error) {
        this.log.warn(`An entry stays set aside: ${describeError(error)}`);
      }
    }
  }

  /** @returns the value after all, when another window has put a sound entry there in the meantime */
  async #setAside(digest: string): Promise<string | undefined> {
    await mkdir(join(this.folder, quarantineName), { recursive: true, mode: 0o700 });
    const file = `${digest}.${randomUUID()}${ending}`;
    try {
      await rename(this.#path(digest), this.#quarantinePath(file));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.log.warn(`Setting it aside failed: ${describeError(error)}`);
      return undefined;
    }
    // Another window may have replaced it between the look and the move.
    const moved = this.#unseal(digest, await readFile(this.#quarantinePath(file)));
    if (moved === undefined) this.onSetAside();
    else await this.#putBack(file);
    return moved?.value;
  }

  async #putBack(file: string): Promise<void> {
    const digest = file.split('.')[0] ?? '';
    const path = this.#quarantinePath(file);
    const sealed = await unlessMissing(readFile(path));
    if (sealed === undefined || this.#unseal(digest, sealed) === undefined) return;
    try {
      await link(path, this.#path(digest));
      this.log.info(`The encrypted entry ${digest.slice(0, 12)} is sound again; it is back.`);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    await rm(path, { force: true });
  }

  async #quarantined(): Promise<readonly string[]> {
    const files = (await unlessMissing(readdir(join(this.folder, quarantineName)))) ?? [];
    return files.filter((file) => file.endsWith(ending));
  }

  #digest(name: string): string {
    return createHmac('sha256', this.#nameKey).update(name).digest('hex');
  }

  #seal(digest: string, entry: Entry): Uint8Array {
    // NIST SP 800-38D §8.2.2: a random nonce of 96 bits, never used twice with one key.
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#entryKey, nonce);
    cipher.setAAD(contextOf(digest));
    const sealed = [cipher.update(JSON.stringify(entry), 'utf8'), cipher.final()];
    return Buffer.concat([magic, nonce, ...sealed, cipher.getAuthTag()]);
  }

  #unseal(digest: string, bytes: Buffer): Entry | undefined {
    const headBytes = magic.length + nonceBytes;
    if (bytes.length < headBytes + tagBytes || !bytes.subarray(0, magic.length).equals(magic))
      return undefined;
    const nonce = bytes.subarray(magic.length, headBytes);
    const decipher = createDecipheriv('aes-256-gcm', this.#entryKey, nonce, { authTagLength: tagBytes });
    decipher.setAAD(contextOf(digest));
    decipher.setAuthTag(bytes.subarray(-tagBytes));
    try {
      const text = Buffer.concat([decipher.update(bytes.subarray(headBytes, -tagBytes)), decipher.final()]);
      // Sealed by us, so it has our form.
      const entry = JSON.parse(text.toString('utf8')) as Entry;
      return this.#digest(entry.name) === digest ? entry : undefined;
    } catch {
      return undefined;
    }
  }

  #path(digest: string): string {
    return join(this.folder, digest + ending);
  }

  #quarantinePath(file: string): string {
    return join(this.folder, quarantineName, file);
  }
}

interface Entry {
  readonly name: string;
  readonly value: string;
}

const subkey = (key: Uint8Array, purpose: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', key, new Uint8Array(), `mcp-credentials ${purpose}`, 32));

/** The digest stands for the entry's name, so that an entry is known without being asked for by name. */
const contextOf = (digest: string): Buffer => Buffer.from(JSON.stringify(['mcp-credentials', 1, digest]));

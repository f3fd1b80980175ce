import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Account } from '../core/account.js';
import { describeError } from '../core/errors.js';
import type { Log } from '../core/ports.js';
import type { ServerId } from '../core/server.js';
import type { SaidBefore, ServerMemory } from '../core/server-memory.js';
import { replaceFile, sweep } from './atomic-file.js';
import { unlessMissing } from './unless-missing.js';

const version = 2;
const ending = '.json';

/** Servers that nobody uses any more make room for others. */
const filesKept = 200;

interface Kept {
  /** The digest of whom it was said to. */
  readonly account: string;
  readonly said: SaidBefore;
}

/** One file for each server, in a folder of the profile. */
export class ServerMemoryFiles implements ServerMemory {
  /** @param requireParent - sees to it that the folder around `folder` is there and private */
  constructor(
    private readonly folder: string,
    private readonly requireParent: () => Promise<void>,
    private readonly log: Log,
  ) {}

  async recall(server: ServerId, url: string, account: Account | undefined): Promise<SaidBefore> {
    try {
      const kept = await this.#read(server, url);
      if (kept === undefined) return {};
      return account === undefined || kept.account === digestOf(account) ? kept.said : {};
    } catch (error) {
      this.log.warn(`What ${JSON.stringify(server)} said before cannot be read: ${describeError(error)}`);
      return {};
    }
  }

  async keep(server: ServerId, url: string, account: Account, said: SaidBefore): Promise<void> {
    try {
      await this.requireParent();
      await mkdir(this.folder, { recursive: true, mode: 0o700 });
      await this.#write(server, url, { account: digestOf(account), said });
      await this.#makeRoom();
    } catch (error) {
      this.log.warn(`What ${JSON.stringify(server)} says cannot be kept: ${describeError(error)}`);
    }
  }

  async reduce(server: ServerId, stays: (name: string) => boolean): Promise<void> {
    try {
      const files = (await unlessMissing(readdir(this.folder))) ?? [];
      for (const name of files.filter((file) => file.endsWith(ending)))
        await this.#reduce(name, server, stays);
    } catch (error) {
      this.log.warn(`What ${JSON.stringify(server)} said cannot be deleted: ${describeError(error)}`);
    }
  }

  /** What cannot be read, or not be written again, goes as a whole. */
  async #reduce(file: string, server: ServerId, stays: (name: string) => boolean): Promise<void> {
    try {
      const text = await unlessMissing(readFile(join(this.folder, file), 'utf8'));
      if (text === undefined) return;
      const { url, ...kept } = parse(text);
      if (kept.server !== server) return;
      const said = Object.fromEntries(Object.entries(kept.said).filter(([name]) => stays(name)));
      await this.#write(server, url, { account: kept.account, said });
    } catch (error) {
      this.log.debug(`All that ${file} says is deleted: ${describeError(error)}`);
      await rm(join(this.folder, file), { force: true });
    }
  }

  /** @throws Error when it is not what was written for this server */
  async #read(server: ServerId, url: string): Promise<Kept | undefined> {
    const text = await unlessMissing(readFile(join(this.folder, nameOf(server, url)), 'utf8'));
    if (text === undefined) return undefined;
    const kept = parse(text);
    if (kept.server !== server || kept.url !== url) throw new Error('It is about another server.');
    return kept;
  }

  async #write(server: ServerId, url: string, kept: Kept): Promise<void> {
    const text = JSON.stringify({ version, server, url, ...kept });
    await replaceFile(this.folder, nameOf(server, url), text, this.log);
  }

  async #makeRoom(): Promise<void> {
    const files = await readdir(this.folder);
    await sweep(this.folder, files, this.log);
    const kept = files.filter((name) => name.endsWith(ending));
    if (kept.length <= filesKept) return;
    const aged = await Promise.all(
      kept.map(async (name) => ({
        name,
        mtimeMs: (await unlessMissing(stat(join(this.folder, name))))?.mtimeMs ?? 0,
      })),
    );
    aged.sort((a, b) => b.mtimeMs - a.mtimeMs);
    for (const { name } of aged.slice(filesKept)) await rm(join(this.folder, name), { force: true });
  }
}

/** A label may hold anything, and an address more than a file's name. */
const nameOf = (server: ServerId, url: string): string =>
  createHash('sha256')
    .update(JSON.stringify([server, url]))
    .digest('hex') + ending;

/** Nobody is named in the file. */
const digestOf = ({ issuer, subject }: Account): string =>
  createHash('sha256')
    .update(JSON.stringify([issuer, subject]))
    .digest('hex');

/** @throws Error when it is not what is written here */
function parse(text: string): Kept & { readonly server: string; readonly url: string } {
  const stored: unknown = JSON.parse(text);
  if (typeof stored !== 'object' || stored === null) throw new Error('It is no object.');
  const record = stored as Record<string, unknown>;
  if (record['version'] !== version) throw new Error('Its version is not known.');
  const { server, url, account, said } = record;
  if (typeof server !== 'string' || typeof url !== 'string') throw new Error('It is about no server.');
  if (typeof account !== 'string') throw new Error('It is for nobody.');
  if (typeof said !== 'object' || said === null || Array.isArray(said)) throw new Error('It says nothing.');
  return { server, url, account, said: said as SaidBefore };
}

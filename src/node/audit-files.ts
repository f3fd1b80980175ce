import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  parseRecord,
  recordOf,
  type AuditEvent,
  type AuditExcerpt,
  type AuditRecord,
  type AuditTrail,
} from '../core/audit.js';
import type { Counters } from '../core/counters.js';
import { describeError } from '../core/errors.js';
import type { Clock, Log } from '../core/ports.js';
import type { Secret } from '../core/secret.js';

/** So many events wait to be written; a disk that is slower than that loses some, and the calls go on. */
const waitingLimit = 1_000;

/** So many are written at once. */
const batchLimit = 200;

/** So much of the end of a file is read: more than any table has room for. */
const readLimitBytes = 4 * 1024 * 1024;

const newline = '\n'.charCodeAt(0);

/** What the user may decide about; read whenever it matters. */
interface AuditRules {
  readonly isEnabled: () => boolean;
  /** A file that would grow beyond this is followed by the next one. */
  readonly maxFileBytes: () => number;
  /** How many files are kept, the one that is written to among them. */
  readonly maxFiles: () => number;
}

interface AuditParts {
  /** The same for all windows of one profile, created when missing; undefined where nothing may be kept. */
  readonly folder: () => Promise<string | undefined>;
  /** Rejects when the folder around the trail's is none to write to. */
  readonly requireParent: () => Promise<void>;
  readonly rules: AuditRules;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly counters: Counters;
  readonly log: Log;
}

/**
 * The audit trail of this window: NDJSON files with rising numbers. All windows append whole lines to the one with the
 * highest number. When it is full, whoever notices creates the next one, which only one window can, and removes the
 * oldest; nothing is renamed and nothing is locked, so a window that is killed on the way leaves nothing to clear up.
 */
export class AuditFiles implements AuditTrail {
  readonly #waiting: { readonly event: AuditEvent; readonly atMs: number }[] = [];
  readonly #window = randomUUID().slice(0, 8);
  #writing: Promise<void> | undefined;
  #isBroken = false;

  constructor(private readonly parts: AuditParts) {}

  record(event: AuditEvent): void {
    const { rules, clock } = this.parts;
    if (!rules.isEnabled()) return;
    if (this.#waiting.length >= waitingLimit) {
      this.#lost(1, new Error('Too many events wait to be written.'));
      return;
    }
    this.#waiting.push({ event, atMs: clock.nowMs() });
    this.#writing ??= this.#write();
  }

  async settled(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  async newest(limit: number): Promise<AuditExcerpt> {
    await this.settled();
    const folder = await this.parts.folder();
    if (folder === undefined) return { records: [], damaged: 0, isAll: true };
    const records: AuditRecord[] = [];
    let damaged = 0;
    let isAll = true;
    for (const number of await numbersIn(folder)) {
      if (records.length >= limit) {
        isAll = false;
        break;
      }
      const { lines, isWhole } = await linesOf(fileIn(folder, number));
      const read = lines.map(parseRecord);
      const good = read.filter((record) => record !== undefined);
      records.push(...good);
      damaged += read.length - good.length;
      isAll &&= isWhole;
    }
    // Windows write a moment after the event, so lines are not quite in order.
    records.sort((a, b) => Date.parse(b.time) - Date.parse(a.time));
    isAll &&= records.length <= limit;
    return { records: records.slice(0, limit), damaged, isAll, folder };
  }

  async #write(): Promise<void> {
    // Whoever records goes on first, and what comes with it is written with it.
    await nextTurn();
    for (;;) {
      const batch = this.#waiting.splice(0, batchLimit);
      if (batch.length === 0) break;
      try {
        await this.#append(batch.map(({ event, atMs }) => this.#line(event, atMs)).join(''));
        this.#isBroken = false;
      } catch (error) {
        this.#lost(batch.length, error);
      }
    }
    this.#writing = undefined;
  }

  #line(event: AuditEvent, atMs: number): string {
    const record: AuditRecord = {
      ...recordOf(event, atMs, fingerprint),
      window: this.#window,
      pid: process.pid,
    };
    return `${JSON.stringify(record)}\n`;
  }

  async #append(text: string): Promise<void> {
    const folder = await this.parts.folder();
    if (folder === undefined) return;
    await this.parts.requireParent();
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const lines = Buffer.from(text);
    const file = await open(fileIn(folder, await this.#current(folder, lines.length)), 'a+', 0o600);
    try {
      const start = (await endsWithin(file)) ? [newline] : [];
      // One call, so that the lines of other windows come before or after these and never in between.
      const { bytesWritten } = await file.write(Buffer.from([...start, ...lines]));
      if (bytesWritten < start.length + lines.length) throw new Error('The lines were not written whole.');
    } finally {
      await file.close();
    }
  }

  /** The number of the file that takes `bytes` more. */
  async #current(folder: string, bytes: number): Promise<number> {
    const [highest = 0] = await numbersIn(folder);
    if (highest === 0) return 1;
    const size = (await sizeOf(fileIn(folder, highest))) ?? 0;
    if (size === 0 || size + bytes <= this.parts.rules.maxFileBytes()) return highest;
    await this.#begin(folder, highest + 1);
    return highest + 1;
  }

  async #begin(folder: string, number: number): Promise<void> {
    try {
      await (await open(fileIn(folder, number), 'ax', 0o600)).close();
    } catch (error) {
      // Another window was faster, and tidies up.
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
      throw error;
    }
    const kept = this.parts.rules.maxFiles();
    const old = (await numbersIn(folder)).filter((existing) => existing <= number - kept);
    for (const oldNumber of old) {
      try {
        await rm(fileIn(folder, oldNumber), { force: true });
      } catch (error) {
        // Somebody has it open; the next one to begin a file tries again.
        this.parts.log.debug(`An old file of the audit trail is left: ${describeError(error)}`);
      }
    }
  }

  #lost(count: number, error: unknown): void {
    for (let lost = 0; lost < count; lost++) this.parts.counters.add('audit.failures');
    if (!this.#isBroken) this.parts.log.warn(`The audit trail cannot be written: ${describeError(error)}`);
    this.#isBroken = true;
  }
}

const fingerprint = (token: Secret): string =>
  createHash('sha256').update(token.reveal()).digest('hex').slice(0, 16);

/** The numbers of the files, the highest first. */
async function numbersIn(folder: string): Promise<number[]> {
  const names = (await unlessMissing(readdir(folder))) ?? [];
  const numbers = names.map((name) => Number(/^audit\.(\d+)\.ndjson$/.exec(name)?.[1]));
  return numbers.filter(Number.isSafeInteger).sort((a, b) => b - a);
}

const fileIn = (folder: string, number: number): string =>
  join(folder, `audit.${String(number).padStart(6, '0')}.ndjson`);

/** Whether the file ends in the middle of a line, which a window left that was killed or found the disk full. */
async function endsWithin(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const { buffer, bytesRead } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return bytesRead === 1 && buffer[0] !== newline;
}

/** The lines at the end of a file, and whether they are all of it. */
async function linesOf(path: string): Promise<{ lines: string[]; isWhole: boolean }> {
  const file = await unlessMissing(open(path, 'r'));
  if (file === undefined) return { lines: [], isWhole: true };
  try {
    const { size } = await file.stat();
    const length = Math.min(size, readLimitBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
    const isWhole = length === size;
    // Where the file was cut, so was the first line.
    return { lines: lines.slice(isWhole ? 0 : 1).filter((line) => line !== ''), isWhole };
  } finally {
    await file.close();
  }
}

const sizeOf = async (path: string): Promise<number | undefined> => (await unlessMissing(stat(path)))?.size;

async function unlessMissing<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

import assert from 'node:assert/strict';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Leases } from '../../src/core/lease.js';
import { LeaseFiles } from '../../src/node/lease-file.js';
import { LedgerFiles } from '../../src/node/ledger-files.js';
import { Child } from '../support/child-process.js';
import { RecordingLog } from '../support/recording-log.js';
import { scratchFolder } from '../support/scratch-folder.js';

const childLimitMs = 60_000;

describe('a ledger in files', () => {
  let root: string;
  let folder: string;
  let log: RecordingLog;
  let leases: LeaseFiles;
  const children: Child[] = [];

  beforeEach(() => {
    root = scratchFolder();
    folder = join(root, 'sessions');
    log = new RecordingLog();
    leases = new LeaseFiles(join(root, 'leases'), log);
  });
  afterEach(() => Promise.all(children.splice(0).map((child) => child.kill())));

  /** The ledger as one more window has it. */
  const window = () => new LedgerFiles(folder, leases, log);
  const files = () => readdirSync(folder).sort();
  const all = async () => [...(await window().load()).lines].sort();

  it('gives every window what any has added', async () => {
    const [one, other] = [window(), window()];
    await one.append(['a', '{"b":"ü"}']);
    await other.append(['c']);
    await one.append(['d']);
    const { lines, pieces } = await window().load();
    assert.deepEqual([[...lines].sort(), pieces], [['a', 'c', 'd', '{"b":"ü"}'], 2]);
    assert.deepEqual(log.lines, []);
  });

  it('is empty before anything was added', async () => {
    assert.deepEqual(await window().load(), { lines: [], pieces: 0 });
  });

  it('is for the user alone', async () => {
    const one = window();
    await one.append(['a']);
    await one.fold((lines) => lines);
    await one.append(['b']);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.equal(files().length, 2);
    for (const file of files()) assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600);
  });

  it('loses no line to one that was cut off', async () => {
    const one = window();
    await one.append(['a']);
    const [file = ''] = files();
    writeFileSync(join(folder, file), '{"cut', { flag: 'a' });
    await one.append(['b']);
    assert.deepEqual(await all(), ['a', 'b', '{"cut']);
  });

  describe('is folded', () => {
    it('into one file, with what is to be kept', async () => {
      for (const line of ['a', 'b', 'c']) await window().append([line]);
      await window().fold((lines) => lines.filter((line) => line !== 'b'));
      assert.deepEqual([await all(), files().length], [['a', 'c'], 1]);
    });

    it('into none when nothing is to be kept', async () => {
      await window().append(['a']);
      await window().fold(() => []);
      assert.deepEqual([await all(), files()], [[], []]);
    });

    it('past a window that is alive, which goes on with a new file', async () => {
      const [alive, other] = [window(), window()];
      await alive.append(['a']);
      await other.fold((lines) => lines);
      await alive.append(['b']);
      await other.fold((lines) => lines);
      await alive.append(['c']);
      assert.deepEqual([await all(), files().length], [['a', 'b', 'c'], 2]);
    });

    it('and loses nothing of a window that adds all the while', async () => {
      const [alive, other] = [window(), window()];
      const expected = Array.from({ length: 200 }, (_, n) => `line ${String(n).padStart(3, '0')}`);
      const over = new AbortController();
      const folding = (async () => {
        while (!over.signal.aborted) await other.fold((lines) => [...new Set(lines)]);
      })();
      for (const line of expected) await alive.append([line]);
      over.abort();
      await folding;
      assert.deepEqual([...new Set(await all())], expected);
    }).timeout(childLimitMs);

    it('and a line written while its file goes away is not lost, whoever makes the file anew', async () => {
      const [alive, other] = [window(), window()];
      const expected = Array.from({ length: 2_000 }, (_, n) => `line ${String(n).padStart(4, '0')}`);
      const over = new AbortController();
      const folding = (async () => {
        while (!over.signal.aborted) await other.fold((lines) => [...new Set(lines)]);
      })();
      for (let first = 0; first < expected.length; first += 100)
        await Promise.all(expected.slice(first, first + 100).map((line) => alive.append([line])));
      over.abort();
      await folding;
      assert.deepEqual([...new Set(await all())], expected);
    }).timeout(childLimitMs);

    it('and misses nothing for a window that reads meanwhile', async () => {
      const expected = Array.from({ length: 20 }, (_, n) => `line ${String(n).padStart(2, '0')}`);
      await Promise.all(expected.map((line) => window().append([line])));
      const over = new AbortController();
      const folding = (async () => {
        const other = window();
        while (!over.signal.aborted) await other.fold((lines) => [...new Set(lines)]);
      })();
      for (let round = 0; round < 50; round++) assert.deepEqual([...new Set(await all())], expected);
      over.abort();
      await folding;
    }).timeout(childLimitMs);

    it('by several windows at once, and loses nothing', async () => {
      const windows = Array.from({ length: 5 }, window);
      await Promise.all(windows.map((one, n) => one.append([`${n}`])));
      await Promise.all(windows.map((one) => one.fold((lines) => [...new Set(lines)])));
      assert.deepEqual([await all(), files().length], [['0', '1', '2', '3', '4'], 1]);
    });

    it('by windows that cannot be coordinated, and loses nothing', async () => {
      const uncoordinated: Leases = { hold: (_, work) => work({ isHeld: () => Promise.resolve(true) }) };
      const windows = Array.from({ length: 5 }, () => new LedgerFiles(folder, uncoordinated, log));
      await Promise.all(windows.map((one, n) => one.append([`${n}`])));
      await Promise.allSettled(windows.map((one) => one.fold((lines) => [...new Set(lines)])));
      assert.deepEqual([...new Set(await all())], ['0', '1', '2', '3', '4']);
    });

    it('anew after a window died in the middle of it', async () => {
      await window().append(['a']);
      await assert.rejects(
        window().fold(() => {
          throw new Error('killed');
        }),
        /killed/,
      );
      writeFileSync(join(folder, 'half.tmp'), '{"cu');
      assert.deepEqual([await all(), files().filter((file) => file.endsWith('.folding')).length], [['a'], 1]);
      await window().fold((lines) => lines);
      assert.deepEqual([await all(), files().length], [['a'], 1]);
    });

    it('and stays as it was when another window has taken over meanwhile', async () => {
      await window().append(['a']);
      const frozen = new LedgerFiles(
        folder,
        { hold: (_, work) => work({ isHeld: () => Promise.resolve(false) }) },
        log,
      );
      await frozen.fold(() => []);
      assert.deepEqual(await all(), ['a']);
    });
  });

  it('has the lines of several processes, while one of them folds', async () => {
    const crowd = await Promise.all([1, 2, 3].map(() => child()));
    for (const [n, one] of crowd.entries()) one.tell(n === 0 ? 'fold 20' : `add ${n} 100`);
    await Promise.all(crowd.map((one) => one.says(/^done$/)));
    assert.equal(new Set(await all()).size, 200);
  }).timeout(childLimitMs);

  it('says so when nothing can be added, read or folded', async () => {
    writeFileSync(folder, '');
    await assert.rejects(window().append(['a']), { code: 'EEXIST' });
    await assert.rejects(window().load(), { code: 'ENOTDIR' });
    await assert.rejects(
      window().fold((lines) => lines),
      { code: 'EEXIST' },
    );
  });

  async function child(): Promise<Child> {
    const made = new Child('ledger-child', folder, join(root, 'leases'));
    children.push(made);
    await made.says(/^ready$/);
    return made;
  }
});

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { JournalFiles } from '../../src/node/journal-files.js';
import { Child } from '../support/child-process.js';
import { RecordingLog } from '../support/recording-log.js';
import { scratchFolder } from '../support/scratch-folder.js';

const childLimitMs = 60_000;

describe('a journal in files', () => {
  let folder: string;
  let log: RecordingLog;
  let journal: JournalFiles;

  beforeEach(() => {
    folder = join(scratchFolder(), 'journal');
    log = new RecordingLog();
    journal = new JournalFiles(folder, log);
  });

  it('gives back what was written, to every window', async () => {
    await journal.write('a', 'one');
    await journal.write('b', '{"two":"ü"}\n');
    await journal.write('a', 'three');
    const other = new JournalFiles(folder, log);
    assert.deepEqual([...(await other.names())].sort(), ['a', 'b']);
    assert.deepEqual([await other.read('a'), await other.read('b')], ['three', '{"two":"ü"}\n']);
    await other.remove('a');
    await other.remove('a');
    assert.deepEqual([await journal.names(), await journal.read('a')], [['b'], undefined]);
    assert.deepEqual(log.lines, []);
  });

  it('is empty before anything was written', async () => {
    assert.deepEqual([await journal.names(), await journal.read('a')], [[], undefined]);
  });

  it('is for the user alone', async () => {
    await journal.write('a', 'one');
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.equal(statSync(join(folder, 'a.json')).mode & 0o777, 0o600);
  });

  it('is whole for every reader while many write', async () => {
    const texts = Array.from({ length: 20 }, (_, n) => `${n} `.repeat(5_000));
    const over = new AbortController();
    const reading = (async () => {
      while (!over.signal.aborted) {
        const text = await journal.read('a');
        assert.ok(text === undefined || texts.includes(text));
      }
    })();
    await Promise.all(texts.map((text) => journal.write('a', text)));
    over.abort();
    await reading;
    assert.deepEqual(readdirSync(folder), ['a.json']);
  });

  it('is whole after a window was killed in the middle of writing, again and again', async () => {
    for (let kill = 0; kill < 8; kill++) {
      const writer = new Child('journal-child', folder);
      await writer.says(/^written 3$/);
      await wait(kill * 3);
      await writer.kill();
      const text = (await journal.read('a')) ?? '';
      const [number = ''] = text.split(' ');
      assert.equal(text, `${number} `.repeat(20_000));
      assert.ok(Number(number) >= 3, 'What has resolved is there.');
    }
  }).timeout(childLimitMs);

  it('forgets what a killed window was writing, when nobody can be writing it any more', async () => {
    mkdirSync(folder);
    const old = join(folder, 'a.0001.tmp');
    writeFileSync(old, 'half');
    utimesSync(old, 0, Date.now() / 1000 - 61);
    writeFileSync(join(folder, 'a.0002.tmp'), 'in the making');
    assert.deepEqual(await journal.names(), []);
    assert.deepEqual(readdirSync(folder), ['a.0002.tmp']);
  });

  it('tells of what another process writes', async () => {
    const names: string[] = [];
    let isTold: () => void = () => undefined;
    const told = new Promise<void>((resolve) => (isTold = resolve));
    const watching = journal.watch((name) => {
      names.push(name);
      isTold();
    });
    const writer = new Child('journal-child', folder);
    await told;
    await writer.kill();
    watching.dispose();
    assert.deepEqual([...new Set(names)], ['a']);
    assert.match((await journal.read('a')) ?? '', /^\d+ /);
  }).timeout(childLimitMs);

  it('leaves nothing behind when it cannot write, and says why', async () => {
    mkdirSync(join(folder, 'a.json', 'in the way'), { recursive: true });
    await assert.rejects(journal.write('a', 'one'));
    assert.deepEqual(readdirSync(folder), ['a.json']);
    writeFileSync(join(folder, 'b.json'), 'b');
    assert.equal(await journal.read('b'), 'b');
  });

  it('cannot be where something else is: reading, writing and watching say so', async () => {
    writeFileSync(folder, 'no folder');
    await assert.rejects(journal.write('a', 'one'));
    await assert.rejects(journal.read('a'));
    await assert.rejects(journal.names());
    journal.watch(() => assert.fail()).dispose();
    assert.match(log.text, /cannot be watched/);
    assert.equal(readFileSync(folder, 'utf8'), 'no folder');
  });
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseRecord, type AuditRecord } from '../../src/core/audit.js';
import { Counters } from '../../src/core/counters.js';
import { Secret } from '../../src/core/secret.js';
import { AuditFiles } from '../../src/node/audit-files.js';
import { Child } from '../support/child-process.js';
import { RecordingLog } from '../support/recording-log.js';
import { scratchFolder } from '../support/scratch-folder.js';

const childLimitMs = 60_000;
const startMs = Date.parse('2026-01-01T00:00:00Z');

describe('an audit trail in files', () => {
  let folder: string;
  let log: RecordingLog;
  let counters: Counters;
  let nowMs: number;
  const rules = { enabled: true, maxFileBytes: 1_000_000, maxFiles: 5 };

  beforeEach(() => {
    folder = join(scratchFolder(), 'audit');
    log = new RecordingLog();
    counters = new Counters();
    nowMs = startMs;
    Object.assign(rules, { enabled: true, maxFileBytes: 1_000_000, maxFiles: 5 });
  });

  const trailIn = (where: string | undefined) =>
    new AuditFiles({
      folder: () => Promise.resolve(where),
      rules: {
        isEnabled: () => rules.enabled,
        maxFileBytes: () => rules.maxFileBytes,
        maxFiles: () => rules.maxFiles,
      },
      requireParent: () => Promise.resolve(),
      clock: { nowMs: () => nowMs },
      counters,
      log,
    });
  const trail = () => trailIn(folder);
  const files = () => readdirSync(folder).sort();
  const linesIn = (file: string) =>
    readFileSync(join(folder, file), 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  const recordsIn = (file: string): AuditRecord[] =>
    linesIn(file).map((line) => parseRecord(line) ?? assert.fail(`No record: ${line}`));
  const generations = (records: readonly AuditRecord[]) => records.map(({ generation }) => generation);

  it('has one JSON object in a line for each event, with a fingerprint for the token', async () => {
    const audit = trail();
    const token = new Secret('ya29.of-alice');
    audit.record({ kind: 'refresh', outcome: 'renewed', token, generation: 2, scopes: ['a'] });
    nowMs += 1_500;
    audit.record({ kind: 'refusal', server: 'tickets', code: 'session_account_changed' });
    await audit.settled();
    const [first, second] = linesIn('audit.000001.ndjson').map((line) => JSON.parse(line) as AuditRecord);
    const { window, ...rest } = first ?? assert.fail();
    assert.match(window ?? '', /^[0-9a-f]{8}$/);
    assert.deepEqual(rest, {
      time: '2026-01-01T00:00:00.000Z',
      kind: 'refresh',
      outcome: 'renewed',
      credential: createHash('sha256').update('ya29.of-alice').digest('hex').slice(0, 16),
      generation: 2,
      scopes: ['a'],
      pid: process.pid,
    });
    assert.equal(second?.time, '2026-01-01T00:00:01.500Z', 'when it happened, not when it was written');
    assert.equal(second.window, window);
    assert.deepEqual(log.lines, []);
  });

  it('is for the user alone', async () => {
    const audit = trail();
    audit.record({ kind: 'binding' });
    await audit.settled();
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.equal(statSync(join(folder, 'audit.000001.ndjson')).mode & 0o777, 0o600);
  });

  it('is written after whoever records has gone on', async () => {
    const audit = trail();
    audit.record({ kind: 'binding' });
    await Promise.resolve();
    assert.throws(files, { code: 'ENOENT' });
    await audit.settled();
    assert.equal(files().length, 1);
  });

  it('is switched off and on without a restart', async () => {
    const audit = trail();
    rules.enabled = false;
    audit.record({ kind: 'sign-in' });
    await audit.settled();
    assert.throws(files, { code: 'ENOENT' });
    rules.enabled = true;
    audit.record({ kind: 'sign-out' });
    await audit.settled();
    assert.deepEqual(
      recordsIn('audit.000001.ndjson').map(({ kind }) => kind),
      ['sign-out'],
    );
  });

  it('is nowhere when nothing may be kept', async () => {
    const audit = trailIn(undefined);
    audit.record({ kind: 'sign-in' });
    await audit.settled();
    assert.deepEqual(await audit.newest(10), { records: [], damaged: 0, isAll: true });
  });

  it('goes on in a next file when one is full, and keeps as many as the user wants', async () => {
    rules.maxFileBytes = 400;
    rules.maxFiles = 3;
    const audit = trail();
    for (let generation = 1; generation <= 20; generation++) {
      audit.record({ kind: 'delivery', server: 'tickets', generation });
      await audit.settled();
      assert.ok(files().length <= 3);
    }
    assert.equal(files().length, 3);
    for (const file of files()) assert.ok(statSync(join(folder, file)).size <= 400);
    const kept = generations(files().flatMap(recordsIn));
    assert.deepEqual(
      kept,
      Array.from({ length: kept.length }, (_, index) => 20 - kept.length + 1 + index),
      'the newest, without a gap',
    );
    rules.maxFiles = 1;
    audit.record({ kind: 'delivery', generation: 21, resource: 'https://mcp.example.com/'.padEnd(300, 'x') });
    await audit.settled();
    assert.equal(files().length, 1);
    assert.deepEqual(generations(recordsIn(files()[0] ?? '')), [21]);
  });

  it('begins a new line after one that a dying window left unfinished', async () => {
    mkdirSync(folder);
    writeFileSync(join(folder, 'audit.000001.ndjson'), '{"time":"2026-01-01T00:0');
    const audit = trail();
    audit.record({ kind: 'sign-in', generation: 1 });
    await audit.settled();
    const { records, damaged } = await audit.newest(10);
    assert.deepEqual([generations(records), damaged], [[1], 1]);
  });

  it('never makes a call fail: what cannot be written is counted, told once, and tried again', async () => {
    writeFileSync(folder, 'no folder');
    const audit = trail();
    for (let event = 0; event < 3; event++) {
      audit.record({ kind: 'sign-in' });
      await audit.settled();
    }
    assert.equal(counters.get('audit.failures'), 3);
    assert.equal(log.lines.length, 1);
    assert.match(log.text, /audit trail cannot be written/);
    rmSync(folder);
    audit.record({ kind: 'sign-out' });
    await audit.settled();
    assert.equal(files().length, 1);
    assert.equal(counters.get('audit.failures'), 3);
    rmSync(folder, { recursive: true });
    writeFileSync(folder, 'no folder');
    audit.record({ kind: 'sign-in' });
    await audit.settled();
    assert.equal(log.lines.length, 2, 'told again after it had worked');
  });

  it('lets only so many events wait', async () => {
    const audit = trail();
    for (let generation = 1; generation <= 1_500; generation++)
      audit.record({ kind: 'delivery', generation });
    await audit.settled();
    assert.equal(recordsIn('audit.000001.ndjson').length, 1_000);
    assert.equal(counters.get('audit.failures'), 500);
  });

  it('is read newest first over all files, and says when there is more', async () => {
    rules.maxFileBytes = 500;
    const audit = trail();
    assert.deepEqual(await audit.newest(10), { records: [], damaged: 0, isAll: true, folder });
    for (let generation = 1; generation <= 12; generation++) {
      nowMs += 1_000;
      audit.record({ kind: 'delivery', generation });
      await audit.settled();
    }
    assert.ok(files().length > 2);
    const some = await audit.newest(10);
    assert.deepEqual([generations(some.records), some.isAll], [[12, 11, 10, 9, 8, 7, 6, 5, 4, 3], false]);
    const all = await audit.newest(12);
    assert.deepEqual([all.records.length, all.isAll], [12, true]);
    appendFileSync(join(folder, files().at(-1) ?? ''), 'no record\n{"time":"x"}\n\n');
    writeFileSync(join(folder, 'notes.txt'), 'not ours');
    assert.equal((await audit.newest(12)).damaged, 2);
  });

  it('is read from its end alone when it is huge', async () => {
    mkdirSync(folder);
    const line = (generation: number) =>
      `${JSON.stringify({ time: '2026-01-01T00:00:00Z', kind: 'delivery', generation, server: 'ü'.repeat(500) })}\n`;
    const many = Array.from({ length: 6_000 }, (_, index) => line(index)).join('');
    writeFileSync(join(folder, 'audit.000001.ndjson'), many);
    const { records, damaged, isAll } = await trail().newest(10_000);
    assert.equal(records.at(-1)?.server, 'ü'.repeat(500));
    assert.ok(records.some(({ generation }) => generation === 5_999));
    assert.ok(records.length > 3_000 && records.length < 5_000);
    assert.deepEqual([damaged, isAll], [0, false]);
  });

  describe('of several processes', () => {
    const children: Child[] = [];
    afterEach(() => Promise.all(children.splice(0).map((child) => child.kill())));

    async function child(name: string, count: number): Promise<Child> {
      const made = new Child('audit-child', folder, name, String(count), '40000');
      children.push(made);
      await made.says(/^ready$/);
      return made;
    }

    it('has every line of each of them once and whole, over many files', async () => {
      const [names, count] = [['a', 'b', 'c', 'd'], 1_500];
      const windows = await Promise.all(names.map((name) => child(name, count)));
      for (const window of windows) window.tell('go');
      for (const window of windows) assert.equal(await window.says(/^failed/), 'failed 0');
      const records = files().flatMap(recordsIn);
      for (const name of names) {
        const written = generations(records.filter(({ server }) => server === name));
        assert.deepEqual(
          written,
          Array.from({ length: count }, (_, index) => index + 1),
          'in order, too',
        );
      }
      assert.ok(files().length > 10, 'They went on in new files together.');
      assert.equal(new Set(records.map(({ window }) => window)).size, names.length);
      for (const file of files()) assert.ok(statSync(join(folder, file)).size < 40_000 * 2);
    }).timeout(childLimitMs);

    it('loses nothing that was written when some are killed, and the others go on', async () => {
      const survivor = await child('survivor', 3_000);
      survivor.tell('go');
      const said = new Map<string, number>();
      for (let kill = 0; kill < 5; kill++) {
        const victim = await child(`victim ${kill}`, 1_000_000);
        victim.tell('go');
        await victim.says(/^written \d{2,}$/);
        await wait(kill * 7);
        await victim.kill();
        said.set(`victim ${kill}`, Number(victim.lines.at(-1)?.split(' ')[1]));
      }
      assert.equal(await survivor.says(/^failed/), 'failed 0');
      const lines = files().flatMap(linesIn).map(parseRecord);
      const records = lines.filter((record) => record !== undefined);
      assert.ok(lines.length - records.length <= 5, 'At most the line that each was writing.');
      for (const [name, last] of [...said, ['survivor', 3_000] as const]) {
        const written = generations(records.filter(({ server }) => server === name));
        assert.deepEqual(
          written.slice(0, last),
          Array.from({ length: last }, (_, index) => index + 1),
        );
      }
    }).timeout(childLimitMs);
  });
});

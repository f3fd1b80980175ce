import assert from 'node:assert/strict';
import { appendFileSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Ledger } from '../../src/core/ledger.js';
import { LedgerFiles } from '../../src/node/ledger-files.js';
import { LedgerMap, type LedgerMapRules } from '../../src/vault/ledgers/ledger-map.js';
import { MemoryLedger } from '../../src/vault/ledgers/memory-ledger.js';
import { accountSchema } from '../../src/vault/records/record.js';
import { FakeClock } from '../support/fake-clock.js';
import { MemoryLeases } from '../support/memory-leases.js';
import { RecordingLog } from '../support/recording-log.js';
import { scratchFolder } from '../support/scratch-folder.js';
import { holds } from './fuzz.js';
import { anyText, damaged } from './texts.js';

interface Change {
  readonly key: string;
  /** Undefined for a deletion. */
  readonly label: string | undefined;
}

const keys = fc.oneof(fc.constantFrom('a', 'b', 'c'), anyText);
const changes = fc.array(fc.record({ key: keys, label: fc.option(anyText, { nil: undefined }) }), {
  maxLength: 12,
});
const accountOf = (label: string) => ({ issuer: 'https://as.example.com', subject: 'u', label });

const rules = (wins: LedgerMapRules['wins']): LedgerMapRules => ({
  what: 'accounts',
  wins,
  keepMs: () => 1e12,
  keepCount: () => 1e6,
});

/** A window on a ledger, which has read what is there. */
async function open(ledger: Ledger, wins: LedgerMapRules['wins']) {
  const [clock, log] = [new FakeClock(), new RecordingLog()];
  const kept = new LedgerMap({ ledger, clock, log }, accountSchema, rules(wins));
  await kept.loaded;
  return { kept, clock, log };
}

async function write(ledger: Ledger, wins: LedgerMapRules['wins'], list: readonly Change[]): Promise<void> {
  const { kept, clock } = await open(ledger, wins);
  for (const { key, label } of list) {
    if (label === undefined) kept.delete(key);
    else kept.set(key, accountOf(label));
    clock.advance(1);
  }
  await kept.close();
}

/** What should be left, by a map and two lines. */
function expected(wins: LedgerMapRules['wins'], list: readonly Change[]): Map<string, string> {
  const left = new Map<string, string>();
  for (const { key, label } of list) {
    if (label === undefined) left.delete(key);
    else if (wins === 'last' || !left.has(key)) left.set(key, label);
  }
  return left;
}

const namesOf = (value: unknown): string =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.keys(value).sort().join()
    : '';

describe('a ledger', () => {
  const ways = fc.constantFrom<LedgerMapRules['wins']>('first', 'last');

  holds('gives another window what was written', 20, [ways, changes], async (wins, list) => {
    const ledger = new MemoryLedger();
    await write(ledger, wins, list);
    const { kept, log } = await open(ledger, wins);
    const left = expected(wins, list);
    for (const { key } of list)
      assert.deepEqual(kept.get(key), left.has(key) ? accountOf(left.get(key) ?? '') : undefined);
    assert.deepEqual([kept.size, log.text], [left.size, '']);
    await kept.close();
  });

  holds(
    'loses nothing but the lines that are damaged',
    20,
    [changes, fc.array(fc.oneof(anyText, damaged(anyText)), { maxLength: 5 }), fc.nat()],
    async (list, litter, chance) => {
      const ledger = new MemoryLedger();
      await write(ledger, 'last', list);
      litter.forEach((line, index) =>
        ledger.lines.splice((chance * (index + 7)) % (ledger.lines.length + 1), 0, line),
      );
      const { kept, log } = await open(ledger, 'last');
      for (const [key, label] of expected('last', list)) assert.deepEqual(kept.get(key), accountOf(label));
      assert.equal(log.at('warn').length, litter.length === 0 ? 0 : 1);
      await kept.close();
    },
  );

  const deeds = fc.array(
    fc.record({ window: fc.nat(2), does: fc.constantFrom('set', 'use', 'infer', 'reload', 'wait') }),
    { maxLength: 25 },
  );
  holds(
    'has what was set last, whatever windows that do not know of it use and infer, and however the lines lie',
    8,
    [deeds, fc.nat()],
    async (list, chance) => {
      const [ledger, clock, log] = [new MemoryLedger(), new FakeClock(), new RecordingLog()];
      const noting = { ...rules('last'), stays: () => false };
      const window = async () => {
        const kept = new LedgerMap({ ledger, clock, log }, accountSchema, noting);
        await kept.loaded;
        return kept;
      };
      const windows = [await window(), await window(), await window()];
      let last = '';
      for (const [n, { window: index, does }] of list.entries()) {
        clock.advance(does === 'wait' ? 30 * 3_600_000 : 1_000);
        const kept = windows[index];
        const known = kept?.get('a')?.label ?? '';
        if (does === 'set') kept?.set('a', accountOf((last = `${n}.`)));
        else if (does === 'use') kept?.use('a');
        else if (does === 'infer') kept?.infer('a', accountOf(`${known}+`));
        else if (does === 'reload') {
          await kept?.close();
          windows[index] = await window();
        }
      }
      await Promise.all(windows.map((kept) => kept.close()));
      const read = async () => {
        const kept = await window();
        await kept.close();
        return kept.get('a')?.label ?? '';
      };
      const turn = chance % (ledger.lines.length + 1);
      ledger.lines = [...ledger.lines.slice(turn), ...ledger.lines.slice(0, turn)].toReversed();
      const label = await read();
      assert.ok(label.startsWith(last), `${label} is not ${last}`);
      assert.equal(await read(), label);
    },
  );

  /** What a line says, without the schema; undefined when it stands for none. */
  function meant(line: string): readonly [key: string, value: unknown] | undefined {
    let said: unknown;
    try {
      said = JSON.parse(line);
    } catch {
      return undefined;
    }
    if (namesOf(said) !== 'atMs,key,value,version' && namesOf(said) !== 'atMs,key,version') return undefined;
    const { version, key, atMs, value } = said as Readonly<Record<string, unknown>>;
    if (version !== 1 || typeof key !== 'string' || typeof atMs !== 'number' || !Number.isFinite(atMs))
      return undefined;
    if (value === undefined) return [key, undefined];
    if (value === null) return undefined;
    const isAccount =
      namesOf(value) === 'issuer,label,subject' &&
      Object.values(value).every((member) => typeof member === 'string');
    return isAccount ? [key, value] : undefined;
  }

  const lineOf = (key: string) => JSON.stringify({ version: 1, key, atMs: 1e12, value: accountOf('alice') });
  /** A line with a member that nobody knows: a newer version may mean something else by it. */
  const richer = fc.tuple(anyText, anyText, fc.constantFrom('', 'value')).map(([key, name, place]) => {
    const line = { version: 1, key, atMs: 1e12, value: accountOf('alice') };
    return JSON.stringify(
      place === '' ? { ...line, [`x${name}`]: 1 } : { ...line, value: { ...line.value, [`x${name}`]: '1' } },
    );
  });
  holds(
    'takes a line as it is or leaves it out, whatever has happened to it',
    14,
    [fc.oneof(damaged(anyText.map(lineOf)), richer)],
    async (line) => {
      const ledger = new MemoryLedger();
      ledger.lines = [line, lineOf('sound')];
      const { kept } = await open(ledger, 'last');
      assert.deepEqual(kept.get('sound'), accountOf('alice'));
      const [key, value] = meant(line) ?? [];
      const isOther = key !== undefined && key !== 'sound' && value !== undefined;
      if (isOther) assert.deepEqual(kept.get(key), value);
      assert.equal(kept.size, isOther ? 2 : 1, 'A line that stands for nothing has become something.');
      kept.set('later', accountOf('bob'));
      await kept.close();
      const again = await open(ledger, 'last');
      assert.deepEqual(again.kept.get('later'), accountOf('bob'));
      assert.deepEqual(again.kept.get('sound'), accountOf('alice'));
      await again.kept.close();
    },
  );

  const litter = fc.array(fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 20 })), { maxLength: 3 });
  holds(
    'in files gives back every whole line, whatever bytes lie among them',
    2,
    [changes, litter],
    async (list, bytes) => {
      const folder = join(scratchFolder(), 'ledger');
      const clock = new FakeClock();
      const ledger = () => new LedgerFiles(folder, new MemoryLeases(clock).window(), new RecordingLog());
      const mine = ledger();
      await write(mine, 'last', list);
      for (const path of globSync(join(folder, '*.ndjson'))) {
        for (const [at, litter] of bytes) {
          const lines = readFileSync(path, 'latin1').split('\n');
          lines.splice(at % (lines.length + 1), 0, Buffer.from(litter).toString('latin1'));
          writeFileSync(path, lines.join('\n'), 'latin1');
        }
        appendFileSync(path, '\n{"version":1,"key":"cut o');
      }
      await mine.append([JSON.stringify({ version: 1, key: 'later', atMs: 9e12, value: accountOf('bob') })]);
      const { kept } = await open(ledger(), 'last');
      for (const [key, label] of expected('last', [...list, { key: 'later', label: 'bob' }]))
        assert.deepEqual(kept.get(key), accountOf(label));
      await kept.close();
    },
  );
});

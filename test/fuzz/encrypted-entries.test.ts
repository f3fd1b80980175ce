import assert from 'node:assert/strict';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { parseHeader, sealKey, serializeHeader, unsealKey } from '../../src/node/store-header.js';
import { passphrase, storeIn } from '../support/encrypted.js';
import { RecordingLog } from '../support/recording-log.js';
import { scratchFolder } from '../support/scratch-folder.js';
import { holds } from './fuzz.js';
import { anyText, damages } from './texts.js';

const opener = { kind: 'keyFile', content: new Uint8Array(32).fill(7) } as const;
const cost = { N: 2 ** 10, r: 8, p: 1 } as const;
const key = new Uint8Array(32).fill(9);

describe('the header of an encrypted store', () => {
  let header = '';
  /** One character of the salt or the key is another one, which leaves a header in its form. */
  const swaps = fc.nat().map((at) => (text: string) => {
    const places = [...text.matchAll(/(?<=[A-Za-z0-9+/]{8})[A-Za-z](?=[A-Za-z0-9+/]{4})/g)];
    const index = places[at % places.length]?.index ?? 0;
    const letter = text[index] ?? '';
    const other = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
    return text.slice(0, index) + other + text.slice(index + 1);
  });
  before(async () => {
    header = serializeHeader(await sealKey(key, opener, cost));
  });

  holds(
    'opens with what it was closed with, comes back as text, and with nothing else',
    1,
    [fc.uint8Array({ minLength: 32, maxLength: 64 }), fc.uint8Array({ minLength: 32, maxLength: 64 })],
    async (content, other) => {
      const header = await sealKey(key, { kind: 'keyFile', content }, cost);
      const back = parseHeader(serializeHeader(header));
      assert.deepEqual(back, header);
      assert.deepEqual(
        Buffer.from((await unsealKey(header, { kind: 'keyFile', content })) ?? []),
        Buffer.from(key),
      );
      const isSame = Buffer.from(content).equals(Buffer.from(other));
      if (!isSame) assert.equal(await unsealKey(header, { kind: 'keyFile', content: other }), undefined);
      assert.equal(await unsealKey(header, passphrase('x')), undefined);
    },
  );

  holds(
    'is whole or none: what is damaged is not taken for one that another key opens',
    32,
    [fc.oneof(damages, swaps)],
    async (damage) => {
      const found = parseHeader(damage(header));
      if (found === undefined) return;
      assert.deepEqual(Buffer.from((await unsealKey(found, opener)) ?? []), Buffer.from(key));
    },
  );
});

describe('an entry of an encrypted store', () => {
  const entries = fc.uniqueArray(fc.record({ name: anyText, value: anyText }), {
    selector: ({ name }) => name,
    minLength: 1,
    maxLength: 3,
  });
  const flips = fc.array(fc.tuple(fc.oneof(fc.nat(), fc.nat(3)), fc.integer({ min: 1, max: 255 })), {
    minLength: 1,
    maxLength: 3,
  });

  holds(
    'comes back as it was or is set aside, whatever becomes of its bytes',
    1,
    [entries, fc.nat(), flips, fc.nat(40)],
    async (list, which, bytes, cut) => {
      const folder = scratchFolder();
      const store = await storeIn(folder);
      for (const { name, value } of list) await store.store(name, value);
      const paths = globSync(join(folder, '*.entry'));
      assert.equal(paths.length, list.length);
      const path = paths[which % paths.length] ?? '';
      const before = readFileSync(path);
      const after = Buffer.from(before);
      for (const [at, flip] of bytes)
        after.writeUInt8(after.readUInt8(at % after.length) ^ flip, at % after.length);
      const left = cut > 35 ? after.subarray(0, after.length - cut) : after;
      writeFileSync(path, left);
      const log = new RecordingLog();
      const again = await storeIn(folder, log);
      const found = await Promise.all(list.map(({ name }) => again.get(name)));
      const isLost = list.map(({ value }, index) => found[index] !== value);
      assert.equal(isLost.filter(Boolean).length, left.equals(before) ? 0 : 1);
      assert.ok(found.every((value, index) => value === undefined || value === list[index]?.value));
      assert.equal(await again.setAside(), isLost.filter(Boolean).length);
    },
  );
});

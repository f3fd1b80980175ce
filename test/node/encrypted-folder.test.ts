import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../../src/core/errors.js';
import { EncryptedFolder } from '../../src/node/encrypted-folder.js';
import type { Opener } from '../../src/node/store-header.js';
import { cheap, everythingIn, passphrase } from '../support/encrypted.js';
import { RecordingLog } from '../support/recording-log.js';
import { scratchFolder } from '../support/scratch-folder.js';

const sesame = passphrase('open sesame');
const keyFile = (byte: number): Opener => ({ kind: 'keyFile', content: new Uint8Array(32).fill(byte) });

describe('the folder of an encrypted store', () => {
  let path: string;
  let folder: EncryptedFolder;

  beforeEach(() => {
    path = join(scratchFolder(), 'encrypted');
    folder = new EncryptedFolder(path, new RecordingLog(), undefined, cheap);
  });

  for (const [name, right, wrong] of [
    ['passphrase', sesame, passphrase('open sesames')],
    ['keyFile', keyFile(1), keyFile(2)],
  ] as const) {
    it(`opens with the ${name} that it was made with, and with nothing else`, async () => {
      assert.equal(await folder.closure(), 'new');
      await (await folder.open(right))?.store('a', 'one');
      assert.equal(await folder.closure(), name);
      assert.equal(await folder.open(wrong), undefined);
      assert.equal(await folder.open(name === 'keyFile' ? sesame : keyFile(1)), undefined);
      assert.equal(await (await folder.open(right))?.get('a'), 'one');
    });
  }

  it('takes a passphrase however the keyboard composes its characters', async () => {
    await folder.open(passphrase('Zo\u00eb likes caf\u00e9s'));
    assert.ok(await folder.open(passphrase('Zoe\u0308 likes cafe\u0301s')));
  });

  it('is made once when two windows make it at the same moment', async () => {
    const windows = Array.from({ length: 6 }, () => folder.open(sesame));
    const stores = await Promise.all(windows);
    await stores[0]?.store('a', 'one');
    for (const store of stores) assert.equal(await store?.get('a'), 'one');
  });

  it('can be closed in another way, without a change to its entries', async () => {
    await (await folder.open(sesame))?.store('a', 'one');
    const before = everythingIn(path)
      .split('\n')
      .filter((line) => line.includes('MCE1'));
    await folder.close(sesame, keyFile(7));
    assert.deepEqual([await folder.closure(), await folder.open(sesame)], ['keyFile', undefined]);
    assert.equal(await (await folder.open(keyFile(7)))?.get('a'), 'one');
    assert.deepEqual(
      everythingIn(path)
        .split('\n')
        .filter((line) => line.includes('MCE1')),
      before,
    );
    await assert.rejects(folder.close(sesame, sesame), TypeError);
  });

  it('makes a guess of the passphrase as much work as OWASP advises, unless a test says otherwise', async () => {
    await new EncryptedFolder(path, new RecordingLog()).open(sesame);
    const { opener } = JSON.parse(readFileSync(join(path, 'store.json'), 'utf8')) as { opener: unknown };
    assert.deepEqual(opener, { kind: 'passphrase', kdf: 'scrypt', cost: { N: 131_072, r: 8, p: 1 } });
  }).timeout(20_000);

  it('holds neither the passphrase nor the key in the clear', async () => {
    await (await folder.open(sesame))?.store('a', 'one');
    assert.doesNotMatch(everythingIn(path), /sesame/);
  });

  const headers = () => ['store.json', 'store.copy.json'].map((name) => join(path, name));
  const isUnusable = (error: unknown) =>
    hasCode(error, 'storage_unusable') && /store\.json/.test(error.message);

  it('survives the loss of, or damage to, either of its headers at whatever byte, and mends it', async () => {
    await (await folder.open(sesame))?.store('a', 'one');
    for (const header of headers()) {
      const whole = readFileSync(header, 'utf8');
      for (let length = 0; length < whole.length; length += 7) {
        writeFileSync(header, whole.slice(0, length));
        assert.equal(await folder.closure(), 'passphrase');
        assert.equal(readFileSync(header, 'utf8'), whole);
      }
      rmSync(header);
      assert.equal(await (await folder.open(sesame))?.get('a'), 'one');
    }
  });

  it('tells damage from a passphrase that is wrong', async () => {
    await (await folder.open(sesame))?.store('a', 'one');
    for (const header of headers()) {
      const text = readFileSync(header, 'utf8');
      writeFileSync(
        header,
        text.replace(/"key":"./, (start) => `${start.slice(0, -1)}${start.endsWith('A') ? 'B' : 'A'}`),
      );
    }
    await assert.rejects(folder.open(sesame), isUnusable);
  });

  it('makes no new store over entries whose header has gone', async () => {
    await (await folder.open(sesame))?.store('a', 'one');
    for (const header of headers()) rmSync(header);
    await assert.rejects(folder.closure(), isUnusable);
    await assert.rejects(folder.open(sesame), isUnusable);
  });

  for (const [what, change] of Object.entries({
    'work for hours': { N: 2 ** 30, r: 8, p: 1 },
    'no work at all': { N: 2, r: 8, p: 1 },
    'another kind of work': { N: 2 ** 14, r: 8, p: 64 },
  })) {
    it(`does not believe a header that asks for ${what}`, async () => {
      mkdirSync(path, { recursive: true });
      await folder.open(sesame);
      for (const header of headers()) {
        const value = JSON.parse(readFileSync(header, 'utf8')) as { opener: { cost: unknown } };
        value.opener.cost = change;
        writeFileSync(header, JSON.stringify(value));
      }
      await assert.rejects(folder.open(sesame), isUnusable);
    });
  }
});

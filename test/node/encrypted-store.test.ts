import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { EncryptedStore } from '../../src/node/encrypted-store.js';
import { Child } from '../support/child-process.js';
import { childValue, everythingIn, storeIn } from '../support/encrypted.js';
import { RecordingLog } from '../support/recording-log.js';
import { scratchFolder } from '../support/scratch-folder.js';

const childLimitMs = 60_000;

describe('an encrypted store', () => {
  let folder: string;
  let log: RecordingLog;
  let store: EncryptedStore;
  let setAside: number;

  beforeEach(async () => {
    folder = join(scratchFolder(), 'encrypted');
    log = new RecordingLog();
    setAside = 0;
    store = await storeIn(folder, log, () => (setAside += 1));
  });

  const entries = (): string[] => readdirSync(folder).filter((file) => file.endsWith('.entry'));
  /** The file that holds `name`, found by writing it. */
  const fileOf = async (name: string, value: string): Promise<string> => {
    const before = new Set(entries());
    await store.store(name, value);
    const [file = ''] = entries().filter((entry) => !before.has(entry));
    return join(folder, file);
  };

  it('gives back what was stored, to every window, and after a reload', async () => {
    await store.store('credential:["a"]', 'one');
    await store.store('client:b', '{"two":"ü"}\n');
    await store.store('credential:["a"]', 'three');
    const other = await storeIn(folder, log);
    assert.deepEqual(
      [await other.get('credential:["a"]'), await other.get('client:b')],
      ['three', '{"two":"ü"}\n'],
    );
    await other.delete('client:b');
    await other.delete('client:b');
    assert.deepEqual([await store.get('client:b'), await store.get('nothing')], [undefined, undefined]);
    assert.equal(entries().length, 1);
    assert.deepEqual(log.lines, []);
  });

  it('leaves neither names nor values on the disk, nor anything derived from a name alone', async () => {
    await store.store('credential:alice@example.com', 'a-very-secret-token');
    await store.store('credential:alice@example.com', 'another-secret-token');
    const remains = everythingIn(folder);
    for (const text of ['a-very-secret', 'another-secret', 'alice', 'credential:'])
      assert.ok(!remains.includes(text), text);
    const second = join(scratchFolder(), 'encrypted');
    await (await storeIn(second)).store('credential:alice@example.com', 'x');
    assert.deepEqual(
      readdirSync(second).filter((file) => entries().includes(file)),
      [],
      'Two stores name the same entry differently.',
    );
  });

  it('is for the user alone', async () => {
    const file = await fileOf('a', 'one');
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
    writeFileSync(file, 'damage');
    await store.get('a');
    assert.equal(statSync(join(folder, 'quarantine')).mode & 0o777, 0o700);
  });

  it('uses no nonce twice, also for the same value', async () => {
    const file = await fileOf('a', 'the same');
    const nonces = new Set<string>();
    // Each write is synced to the disk; a nonce that is fixed, or counts from the start, comes again at once.
    for (let write = 0; write < 50; write++) {
      await store.store('a', 'the same');
      nonces.add(readFileSync(file).subarray(4, 16).toString('hex'));
    }
    assert.equal(nonces.size, 50);
  });

  it('sets aside an entry that was cut off at whatever byte, or has one bit wrong, and no other', async () => {
    const file = await fileOf('a', 'x');
    await store.store('b', 'sound');
    const whole = readFileSync(file);
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(file, whole.subarray(0, length));
      assert.equal(await store.get('a'), undefined, `cut at ${length}`);
      writeFileSync(
        file,
        whole.map((byte, index) => (index === length ? byte ^ 1 : byte)),
      );
      assert.equal(await store.get('a'), undefined, `bit ${length}`);
    }
    assert.equal(await store.get('b'), 'sound');
    assert.deepEqual([setAside, await store.setAside()], [2 * whole.length, 2 * whole.length]);
    assert.ok(log.at('error').every((line) => /^The encrypted entry [0-9a-f]{12} is damaged/.test(line)));
    await store.store('a', 'new');
    assert.equal(await store.get('a'), 'new');
  });

  it('takes no entry for another one, and no longer value for a shorter one', async () => {
    const [one, two] = [await fileOf('a', 'of a'), await fileOf('b', 'of b')];
    copyFileSync(one, `${one}.away`);
    renameSync(two, one);
    renameSync(`${one}.away`, two);
    assert.deepEqual([await store.get('a'), await store.get('b')], [undefined, undefined]);
    assert.equal(setAside, 2);
  });

  it('deletes what it has set aside of an entry with the entry, and nothing of another', async () => {
    for (const name of ['a', 'b']) {
      writeFileSync(await fileOf(name, 'x'), 'damage');
      await store.get(name);
    }
    await store.store('a', 'new');
    await store.delete('a');
    assert.deepEqual([await store.get('a'), await store.setAside()], [undefined, 1]);
  });

  it('puts back what is sound again, unless something newer is in its place', async () => {
    const file = await fileOf('a', 'old');
    const whole = readFileSync(file);
    const damage = () => writeFileSync(file, whole.subarray(0, 40));
    const mend = () => {
      for (const name of readdirSync(join(folder, 'quarantine')))
        writeFileSync(join(folder, 'quarantine', name), whole);
    };
    damage();
    await store.get('a');
    await store.restore();
    assert.deepEqual([await store.get('a'), await store.setAside()], [undefined, 1]);
    mend();
    await store.restore();
    assert.deepEqual([await store.get('a'), await store.setAside()], ['old', 0]);

    damage();
    await store.get('a');
    await store.store('a', 'newer');
    mend();
    await store.restore();
    assert.deepEqual([await store.get('a'), await store.setAside()], ['newer', 0]);
  });

  it('says so when it cannot be read, and sets nothing aside for that', async () => {
    const file = await fileOf('a', 'one');
    rmSync(file);
    mkdirSync(file);
    await assert.rejects(store.get('a'), /EISDIR/);
    assert.equal(setAside, 0);
  });

  it('is whole while two processes write to it, and after they were killed in the middle', async () => {
    const writers = ['a', 'b'].map((name) => new Child('store-child', folder, name));
    await Promise.all(writers.map((writer) => writer.says(/^written 5$/)));
    for (let look = 0; look < 20; look++) await store.get('a');
    await Promise.all(writers.map((writer) => writer.kill()));
    for (const name of ['a', 'b']) {
      const text = (await store.get(name)) ?? '';
      const [number = ''] = text.split(' ');
      assert.equal(text, `${number} `.repeat(5_000));
      assert.ok(Number(number) >= 5, 'What has resolved is there.');
      for (let n = 0; n < 5; n++) assert.equal(await store.get(`${name} ${n}`), childValue);
    }
    assert.equal(setAside, 0);
  }).timeout(childLimitMs);
});

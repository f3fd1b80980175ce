import assert from 'node:assert/strict';
import { readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RedirectFiles } from '../../src/node/redirect-files.js';
import { FakeClock } from '../support/fake-clock.js';
import { RecordingLog } from '../support/recording-log.js';
import { scratchFolder } from '../support/scratch-folder.js';

const redirect = 'vscode://ours/callback?code=c&state=mine';

describe('redirects that one window hands on to another', () => {
  let home: string;
  let folder: string;
  let clock: FakeClock;
  let log: RecordingLog;
  const window = () => new RedirectFiles(folder, clock, log);
  const soon = () => new Promise((resolve) => setImmediate(resolve));
  const files = () => readdirSync(folder);
  async function until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await soon();
  }

  beforeEach(() => {
    home = scratchFolder();
    [folder, clock, log] = [join(home, 'redirects'), new FakeClock(), new RecordingLog()];
  });

  it('come to the one that waits, once, and leave nothing', async () => {
    const got: string[] = [];
    await window().expect('mine', (text) => void got.push(text));
    assert.equal(await window().pass('mine', redirect), true);
    assert.equal(files().length, 2);
    for (const file of files()) assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.ok(!files().some((file) => file.includes('mine')), 'No name says a state.');
    clock.advance(300);
    await until(() => got.length > 0 && files().length === 0);
    assert.deepEqual(got, [redirect]);
    assert.equal(await window().pass('mine', redirect), false, 'A second time nobody waits.');
    assert.deepEqual([files(), clock.pending], [[], []]);
  });

  it('are kept by nobody when nobody waits for them, however many there are', async () => {
    for (let count = 0; count < 1000; count++)
      assert.equal(await window().pass(`state-${count}`, redirect), false);
    assert.deepEqual(readdirSync(home), []);
  });

  it('are not taken when they are larger than any redirect', async () => {
    const waiting = await window().expect('mine', () => assert.fail('It came.'));
    assert.equal(await window().pass('mine', `${redirect}&x=${'y'.repeat(20_000)}`), false);
    assert.equal(files().length, 1);
    waiting.dispose();
    await until(() => files().length === 0);
  });

  it('are not waited for any more when the sign-in is over', async () => {
    const waiting = await window().expect('mine', () => assert.fail('It came.'));
    waiting.dispose();
    await until(() => files().length === 0);
    assert.equal(await window().pass('mine', redirect), false);
    assert.deepEqual([files(), clock.pending], [[], []]);
  });

  it('of a window that was killed are removed by the next one that waits, and handed on to nobody', async () => {
    await window().expect('mine', () => undefined);
    await window().pass('mine', redirect);
    clock.sleep(600_001); // Its timers stand still: it is dead.
    assert.equal(await window().pass('mine', redirect), false);
    const other = await window().expect('other', () => undefined);
    assert.equal(files().length, 1);
    other.dispose();
  });

  it('are waited for by no more windows than a person has', async () => {
    const waiting = [];
    for (let count = 0; count < 60; count++)
      waiting.push(await window().expect(`state-${count}`, () => undefined));
    assert.equal(files().length, 50);
    assert.match(log.text, /Too many sign-ins wait/);
    for (const one of waiting) one.dispose();
    await until(() => files().length === 0);
  });

  it('do not go where a link in the place of the folder leads, and the sign-in goes on without', async () => {
    symlinkSync(scratchFolder(), folder);
    const waiting = await window().expect('mine', () => assert.fail('It came.'));
    assert.equal(await window().pass('mine', redirect), false);
    assert.deepEqual(files(), []);
    assert.match(log.text, /cannot hand on/);
    waiting.dispose();
  });

  it('of a folder that cannot be had keep nobody from signing in', async () => {
    writeFileSync(folder, '');
    (await window().expect('mine', () => undefined)).dispose();
    assert.equal(await window().pass('mine', redirect), false);
  });
});

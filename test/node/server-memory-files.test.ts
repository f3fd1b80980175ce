import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerId } from '../../src/core/server.js';
import { ServerMemoryFiles } from '../../src/node/server-memory-files.js';
import { RecordingLog } from '../support/recording-log.js';
import { scratchFolder } from '../support/scratch-folder.js';

describe('what servers said, in files', () => {
  const notes = '../Notes ✎' as ServerId;
  const url = 'https://notes.example.com/mcp';
  const alice = { issuer: 'https://as.example.com', subject: 'a-1', label: 'alice' };
  let folder: string;
  let log: RecordingLog;
  let memory: ServerMemoryFiles;

  beforeEach(() => {
    folder = join(scratchFolder(), 'servers');
    log = new RecordingLog();
    memory = new ServerMemoryFiles(folder, () => Promise.resolve(), log);
  });
  const onlyFile = () => join(folder, readdirSync(folder)[0] ?? '');

  it('is there again, for the server and the address that it is about', async () => {
    assert.deepEqual(await memory.recall(notes, url, alice), {});
    await memory.keep(notes, url, alice, { a: { b: 1 } });
    assert.deepEqual(await memory.recall(notes, url, alice), { a: { b: 1 } });
    assert.deepEqual(await memory.recall(notes, `${url}2`, alice), {});
    assert.deepEqual(await memory.recall('other' as ServerId, url, alice), {});
    assert.deepEqual(log.at('warn'), []);
  });

  it('is for the account that it was said to, whom it does not name', async () => {
    const bob = { ...alice, subject: 'b-1' };
    await memory.keep(notes, url, alice, { a: 1 });
    assert.deepEqual(await memory.recall(notes, url, bob), {});
    assert.deepEqual(await memory.recall(notes, url, { ...alice, label: 'renamed' }), { a: 1 });
    assert.doesNotMatch(readFileSync(onlyFile(), 'utf8'), /a-1|alice/);
    assert.deepEqual(log.at('warn'), []);
  });

  it('is said whoever it was for, without a name, and only as much of it as stays', async () => {
    await memory.reduce(notes, () => true);
    await memory.keep(notes, url, alice, { a: 1, b: 2 });
    assert.deepEqual(await memory.recall(notes, url, undefined), { a: 1, b: 2 });
    await memory.reduce(notes, (name) => name === 'b');
    assert.doesNotMatch(readFileSync(onlyFile(), 'utf8'), /"a":/);
    assert.deepEqual(await memory.recall(notes, url, undefined), { b: 2 });
    assert.deepEqual(await memory.recall(notes, url, alice), { b: 2 });
    assert.deepEqual(await memory.recall(notes, url, { ...alice, subject: 'b-1' }), {});
    assert.deepEqual(log.at('warn'), []);
  });

  it('stays no longer of an address that the server had before, and as it is of another server', async () => {
    const other = 'other' as ServerId;
    for (const [server, address] of [
      [notes, url],
      [notes, `${url}2`],
      [other, url],
    ] as const)
      await memory.keep(server, address, alice, { a: 1, b: 2 });
    await memory.reduce(notes, (name) => name === 'b');
    for (const address of [url, `${url}2`])
      assert.deepEqual(await memory.recall(notes, address, alice), { b: 2 });
    assert.deepEqual(await memory.recall(other, url, alice), { a: 1, b: 2 });
  });

  it('is deleted as a whole where it cannot be told what of it stays', async () => {
    await memory.keep(notes, url, alice, { a: 1 });
    writeFileSync(onlyFile(), '{"a":');
    await memory.reduce(notes, () => true);
    assert.deepEqual(readdirSync(folder), []);
    assert.deepEqual(log.at('warn'), []);
  });

  it('is for the user alone', async function () {
    if (process.platform === 'win32') this.skip();
    await memory.keep(notes, url, alice, { a: 1 });
    assert.equal(statSync(onlyFile()).mode & 0o077, 0);
    assert.equal(statSync(folder).mode & 0o077, 0);
  });

  for (const text of ['', '{', 'null', '{"version":1}', '{"version":2,"server":"x","url":"y","said":{}}']) {
    it(`is nothing when the file says ${JSON.stringify(text)}`, async () => {
      await memory.keep(notes, url, alice, { a: 1 });
      writeFileSync(onlyFile(), text);
      assert.deepEqual(await memory.recall(notes, url, alice), {});
      assert.equal(log.at('warn').length, 1);
      await memory.keep(notes, url, alice, { a: 2 });
      assert.deepEqual(await memory.recall(notes, url, alice), { a: 2 });
    });
  }

  it('does without a folder that cannot be had', async () => {
    const locked = new ServerMemoryFiles(folder, () => Promise.reject(new Error('No.')), log);
    await locked.keep(notes, url, alice, { a: 1 });
    assert.match(log.at('warn')[0] ?? '', /cannot be kept/);
  });

  it('makes room for others after two hundred servers, the oldest first', async () => {
    await memory.keep(notes, url, alice, { a: 1 });
    utimesSync(onlyFile(), 1, 1);
    for (let n = 0; n < 200; n++) writeFileSync(join(folder, `${n}.json`), '{}');
    await memory.keep('other' as ServerId, url, alice, { a: 1 });
    assert.deepEqual(await memory.recall(notes, url, alice), {});
    assert.equal(readdirSync(folder).length, 200);
  });
});

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BrokerError } from '../../src/core/errors.js';
import { obtainKeyFile, readKeyFile } from '../../src/node/key-file.js';
import { scratchFolder } from '../support/scratch-folder.js';

const refusal = (why: RegExp) => (error: unknown) =>
  error instanceof BrokerError && error.code === 'storage_unusable' && why.test(String(error.details['why']));

describe('a key file', () => {
  let path: string;

  beforeEach(() => {
    path = join(scratchFolder(), 'keys', 'mcp.key');
  });

  it('is made when it is missing: random, and for the user alone', async () => {
    assert.equal(await readKeyFile(path), undefined);
    const key = await obtainKeyFile(path);
    assert.equal(key.length, 32);
    assert.deepEqual(readFileSync(path), Buffer.from(key));
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(join(path, '..')).mode & 0o777, 0o700);
    assert.deepEqual(await obtainKeyFile(path), Buffer.from(key));
    const other = await obtainKeyFile(`${path}.other`);
    assert.notDeepEqual(Buffer.from(other), Buffer.from(key));
  });

  it('is made once when many windows make it at the same moment', async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => obtainKeyFile(path)));
    assert.equal(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size, 1);
  });

  for (const mode of [0o640, 0o604, 0o660, 0o644, 0o777]) {
    it(`is refused when others could read or write it (${mode.toString(8)}), with the way to mend it`, async () => {
      await obtainKeyFile(path);
      chmodSync(path, mode);
      const why = new RegExp(`others can read the key file "${path}"; run: chmod 600 "${path}"`);
      await assert.rejects(readKeyFile(path), refusal(why));
      await assert.rejects(obtainKeyFile(path), refusal(why));
    });
  }

  it('may be one that the user has made, if it is long enough', async () => {
    mkdirSync(join(path, '..'));
    writeFileSync(path, 'k'.repeat(44), { mode: 0o600 });
    assert.equal(Buffer.from(await obtainKeyFile(path)).toString(), 'k'.repeat(44));
    writeFileSync(path, 'k'.repeat(31));
    await assert.rejects(obtainKeyFile(path), refusal(/less than 32 bytes/));
    writeFileSync(path, 'k'.repeat(70_000));
    await assert.rejects(obtainKeyFile(path), refusal(/too large/));
  });

  it('is a file in a folder that can be written', async () => {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    await assert.rejects(obtainKeyFile(path), refusal(/is no file|cannot be read/));
    writeFileSync(`${path}.file`, '');
    await assert.rejects(obtainKeyFile(join(`${path}.file`, 'below')), refusal(/cannot be (read|made)/));
  });
});

import assert from 'node:assert/strict';
import { hasCode } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { readCredentialsFile } from '../../src/google/credentials-file.js';

const path = '/keys/robot.json';
const key = JSON.stringify({ type: 'service_account', client_email: 'robot@example.com' });
const read = (text: string) => readCredentialsFile(() => Promise.resolve(new Secret(text)), path);

describe('a file of credentials', () => {
  it('may begin with a byte order mark, as the import takes it', async () => {
    assert.equal((await read(`\uFEFF${key}`)).text('client_email'), 'robot@example.com');
  });

  it('that is no JSON is named, and nothing of it is quoted', async () => {
    await assert.rejects(read('{"private_key":"shh"'), (error) => {
      assert.ok(hasCode(error, 'token_file_unusable'));
      return !/shh/.test(`${error.message} ${JSON.stringify(error.details)} ${String(error.cause)}`);
    });
  });
});

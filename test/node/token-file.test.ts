import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../../src/core/errors.js';
import { readTokenFile } from '../../src/node/token-file.js';
import { scratchFolder } from '../support/scratch-folder.js';

describe('a file with a token', () => {
  const path = join(scratchFolder(), 'token');

  it('is read anew each time, without the line break at its end', async () => {
    writeFileSync(path, 'one.two.three\n');
    assert.equal((await readTokenFile(path)).reveal(), 'one.two.three');
    writeFileSync(path, 'another');
    assert.equal((await readTokenFile(path)).reveal(), 'another');
  });

  const wrong: readonly (readonly [string, string | Uint8Array, RegExp])[] = [
    ['is empty', '\n', /holds no token/],
    ['holds a text', 'PASSWORD = sesame', /holds no token/],
    ['holds binary data', Uint8Array.of(0, 255, 1), /holds no token/],
    ['is larger than tokens are', 'x'.repeat(65_537), /is too large/],
  ];
  for (const [what, content, why] of wrong) {
    it(`is refused when it ${what}, and nothing of it is repeated`, async () => {
      writeFileSync(path, content);
      await assert.rejects(readTokenFile(path), (error) => {
        assert.ok(hasCode(error, 'token_file_unusable'));
        assert.match(String(error.details['why']), why);
        assert.doesNotMatch(error.message + JSON.stringify(error.details), /sesame/);
        return true;
      });
    });
  }

  it('is refused at once when it is a pipe, which could keep us waiting for ever', async function () {
    if (process.platform === 'win32') this.skip();
    const pipe = join(scratchFolder(), 'pipe');
    execFileSync('mkfifo', [pipe]);
    await assert.rejects(readTokenFile(pipe), (error) => hasCode(error, 'token_file_unusable'));
    await assert.rejects(readTokenFile('/dev/zero'), (error) => hasCode(error, 'token_file_unusable'));
  });

  it('is refused when it is not there, or has no absolute path', async () => {
    for (const wrongPath of [join(path, 'below'), 'token'])
      await assert.rejects(readTokenFile(wrongPath), (error) => hasCode(error, 'token_file_unusable'));
  });
});

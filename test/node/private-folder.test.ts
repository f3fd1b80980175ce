import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BrokerError } from '../../src/core/errors.js';
import { absolutePath, requirePrivateFolder, requireUsableFolder } from '../../src/node/private-folder.js';
import { scratchFolder } from '../support/scratch-folder.js';

const refusal = (why: RegExp) => (error: unknown) =>
  error instanceof BrokerError && error.code === 'storage_unusable' && why.test(String(error.details['why']));

describe('a path in the settings', () => {
  for (const [text, path] of [
    ['/srv/mcp', '/srv/mcp'],
    ['~/mcp', '/home/alice/mcp'],
    ['mcp', undefined],
    ['./mcp', undefined],
    ['../mcp', undefined],
    ['~mcp', undefined],
    ['', undefined],
  ] as const) {
    it(`${JSON.stringify(text)} means ${path ?? 'nothing'}`, () =>
      assert.equal(absolutePath(text, '/home/alice'), path));
  }
});

describe('a folder that the user has named', () => {
  it('is made when it is missing, for the user alone, and nothing is left of the try', async () => {
    const path = join(scratchFolder(), 'a', 'b');
    await requireUsableFolder(path);
    await requireUsableFolder(path);
    assert.equal(statSync(path).mode & 0o777, 0o700);
    assert.deepEqual(readdirSync(path), []);
  });

  it('may be a link, and may be read by others', async () => {
    const [target, path] = [scratchFolder(), join(scratchFolder(), 'link')];
    chmodSync(target, 0o755);
    symlinkSync(target, path);
    await requireUsableFolder(path);
  });

  it('is refused when others can put something in the place of what is in it', async () => {
    const path = scratchFolder();
    chmodSync(path, 0o777);
    await assert.rejects(requireUsableFolder(path), refusal(/others can write to .* run: chmod go-w/));
    chmodSync(path, 0o1777);
    await requireUsableFolder(path);
  });

  it('is refused when something else is in its place', async () => {
    const path = join(scratchFolder(), 'file');
    writeFileSync(path, '');
    await assert.rejects(requireUsableFolder(path), refusal(/takes no files \(EEXIST\)/));
    await assert.rejects(requireUsableFolder(join(path, 'below')), refusal(/takes no files \(ENOTDIR\)/));
  });
});

describe('a folder of our own', () => {
  it('is made for the user alone, and made so again', async () => {
    const path = join(scratchFolder(), 'ours');
    await requirePrivateFolder(path);
    chmodSync(path, 0o755);
    await requirePrivateFolder(path);
    assert.equal(statSync(path).mode & 0o777, 0o700);
  });

  it('is not a link to somewhere else', async () => {
    const [target, path] = [scratchFolder(), join(scratchFolder(), 'ours')];
    symlinkSync(target, path);
    await assert.rejects(requirePrivateFolder(path), refusal(/a link or a file is in the place/));
    mkdirSync(`${path}.dir`);
    writeFileSync(join(`${path}.dir`, 'file'), '');
    await assert.rejects(requirePrivateFolder(join(`${path}.dir`, 'file')), refusal(/in the place|EEXIST/));
  });
});

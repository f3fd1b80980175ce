import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { spawn } from 'node:child_process';
import { makeSocketPlace } from '../../src/node/socket-place.js';
import { RecordingLog } from '../support/recording-log.js';
import { rmSync } from 'node:fs';

describe('the place for a socket', () => {
  let base: string;
  const log = new RecordingLog();
  const make = () => makeSocketPlace(log, base);

  beforeEach(function () {
    if (process.platform === 'win32') this.skip();
    // Not below the repository, whose path may be longer than a socket's can be.
    base = mkdtempSync(join(tmpdir(), 'sp-'));
  });
  afterEach(() => rmSync(base, { recursive: true, force: true }));

  /** Listens as a window does. */
  async function listening(path: string) {
    const server = createServer().listen(path);
    await once(server, 'listening');
    return server;
  }

  it('is a folder of its own for this user alone, and goes with the window', async () => {
    const place = await make();
    const folder = dirname(place.path);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.equal(place.uri, `unix://${place.path}`);
    const server = await listening(place.path);
    server.close();
    place.dispose();
    assert.ok(!existsSync(folder));
    place.dispose();
  });

  it('is another one for each window, and leaves those alone that are alive', async () => {
    const first = await make();
    const server = await listening(first.path);
    const second = await make();
    assert.notEqual(first.path, second.path);
    assert.ok(existsSync(first.path));
    server.close();
    first.dispose();
    second.dispose();
  });

  it('is swept when the window that had it was killed', async () => {
    const { path } = await make();
    const child = spawn(process.execPath, [
      '-e',
      `require('node:net').createServer().listen(process.argv[1], () => console.log('listening'))`,
      path,
    ]);
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.ok(existsSync(path), 'A killed process leaves its socket.');
    const next = await make();
    assert.deepEqual(
      readdirSync(base).map((name) => join(base, name)),
      [dirname(next.path)],
    );
  });

  it('is left to a window that has not come to its socket yet, but not for ever', async () => {
    const slow = dirname((await make()).path);
    const second = await make();
    assert.ok(existsSync(slow));
    utimesSync(slow, new Date(), new Date(Date.now() - 61_000));
    second.dispose();
    await make();
    assert.ok(!existsSync(slow));
  });

  it('takes nothing away that is not for this user alone', async () => {
    const other = join(base, 'mcpc-others');
    mkdirSync(other);
    chmodSync(other, 0o755);
    utimesSync(other, new Date(0), new Date(0));
    await make();
    assert.ok(existsSync(other));
  });

  const refused: readonly (readonly [why: RegExp, spoil: () => void])[] = [
    [/others can write to the folder/, () => chmodSync(base, 0o777)],
    [
      /is longer than 103 bytes/,
      () => {
        base = join(base, 'x'.repeat(90));
        mkdirSync(base);
      },
    ],
    [
      /cannot be used \(ENOENT\)/,
      () => {
        base = join(base, 'missing');
      },
    ],
  ];
  for (const [why, spoil] of refused) {
    it(`is refused, with the reason: ${why.source}`, async () => {
      spoil();
      await assert.rejects(make(), (error: { code: string; details: { why: string } }) => {
        assert.equal(error.code, 'socket_unusable');
        assert.match(error.details.why, why);
        return true;
      });
    });
  }

  it('may be below a folder for everybody in which nobody can touch what is another’s', async () => {
    chmodSync(base, 0o1777);
    (await make()).dispose();
  });
});

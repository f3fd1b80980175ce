import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { alice } from '../../support/test-users.js';
import { browserStorage } from '../evidence.js';
import { Ground } from '../ground.js';
import { until } from '../until.js';

describe('the proxy on a socket', () => {
  const ground = new Ground();
  let folder: string;

  before(async function () {
    if (process.platform === 'win32') this.skip();
    folder = await mkdtemp(join(tmpdir(), 'rt-'));
    await ground.open(
      { tickets: {} },
      {
        editor: {
          // A socket's path has little room, and the test's own folder is found again at the end.
          env: { XDG_RUNTIME_DIR: folder, MCP_CREDENTIALS_PROXY_TRANSPORT: 'socket' },
        },
      },
    );
  });
  after(async () => {
    await ground.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const places = () => readdirSync(folder).filter((name) => name.startsWith('mcpc-'));

  it('is reached by the editor’s own client, call after call', async () => {
    await ground.signIn(alice);
    const whoami = await ground.start('tickets', 'whoami');
    for (let call = 0; call < 3; call++) {
      assert.equal(await ground.editor.invokeTool(whoami), 'alice@example.com (Alice)');
    }
    const [place = ''] = places();
    assert.equal(statSync(join(folder, place)).mode & 0o777, 0o700);
    assert.ok(statSync(join(folder, place, 's')).isSocket());
    // The editor stores what it was told a moment later.
    await until('stored address of the socket', async () =>
      (await browserStorage(ground.editor.page)).includes(`/${place}/s`),
    );
  });

  it('has another place after a reload, and the one of before is gone', async () => {
    const [before = ''] = places();
    await ground.editor.reload();
    assert.equal(
      await ground.editor.invokeTool(await ground.tool('tickets', 'whoami')),
      'alice@example.com (Alice)',
    );
    await until('only one place', () => Promise.resolve(places().length === 1));
    assert.ok(!existsSync(join(folder, before)));
  });
});

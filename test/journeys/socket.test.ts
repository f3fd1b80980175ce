import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { serversSetting, useGround } from '../support/ground.js';
import { ping, rawRequest } from '../support/raw-request.js';

describe('the proxy on a socket', () => {
  const ground = useGround();

  before(function () {
    if (process.platform === 'win32') this.skip();
  });

  async function signedIn() {
    const issuer = await ground.issuer();
    const resource = await ground.resource(issuer);
    const { window } = ground.window({
      user: { ...serversSetting([resource]), 'mcpCredentials.proxy.transport': 'socket' },
    });
    await window.signIn();
    return { resource, window, ...(await window.definition('tickets')) };
  }

  const pathOf = (url: string) => new URL(url).pathname;

  it('is reached by the address in the definition, and is in a folder for this user alone', async () => {
    const { resource, url, headers } = await signedIn();
    assert.match(url, /^unix:\/\/\/.+\/mcpc-\w+\/s#\/mcp\/[\w-]+$/);
    assert.equal(statSync(dirname(pathOf(url))).mode & 0o777, 0o700);
    assert.equal((await rawRequest(url, { headers, body: ping })).status, 200);
    assert.match(resource.authorized[0]?.headers.authorization ?? '', /^Bearer eyJ/);
    assert.equal(resource.authorized[0]?.headers.host, new URL(resource.url).host);
  });

  it('wants the capability all the same, and its own name', async () => {
    const { resource, url, headers } = await signedIn();
    for (const wrong of [{}, { ...headers, host: '127.0.0.1' }, { ...headers, origin: 'http://localhost' }]) {
      assert.equal((await rawRequest(url, { headers: wrong, body: ping })).status, 404);
    }
    assert.deepEqual(resource.authorized, []);
  });

  it('goes with the window, folder and all', async () => {
    const { window, url } = await signedIn();
    await window.close();
    assert.ok(!existsSync(dirname(pathOf(url))));
    await assert.rejects(rawRequest(url, { body: ping }), { code: 'ENOENT' });
  });

  it('is not replaced by a port when there can be none: the user is told, and so is a start', async () => {
    const [known] = await (await signedIn()).window.editor.definitions();
    assert.ok(known !== undefined);
    const before = process.env['XDG_RUNTIME_DIR'];
    process.env['XDG_RUNTIME_DIR'] = '/nowhere at all';
    try {
      const { window } = ground.window({ user: { 'mcpCredentials.proxy.transport': 'socket' } });
      await assert.rejects(window.ready, { code: 'socket_unusable' });
      const notice = await window.editor.window.message(/set “mcpCredentials\.proxy\.transport” to "port"/);
      notice.close();
      assert.deepEqual(await window.editor.definitions(), []);
      // The editor remembers what was offered before, and may start that while we begin.
      const start = window.editor.resolve(known.label, known);
      await assert.rejects(
        start,
        /cannot listen on a socket.*set “mcpCredentials\.proxy\.transport” to "port"/,
      );
    } finally {
      if (before === undefined) delete process.env['XDG_RUNTIME_DIR'];
      else process.env['XDG_RUNTIME_DIR'] = before;
    }
  });
});

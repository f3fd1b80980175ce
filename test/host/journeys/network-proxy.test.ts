import assert from 'node:assert/strict';
import { request } from 'node:http';
import { listen, type Listener } from '../../support/listener.js';
import { alice } from '../../support/test-users.js';
import { Ground } from '../ground.js';

/** A name of this computer for which the editor asks its proxy, as it does not for 127.0.0.1. */
const elsewhere = '127.0.0.2';

describe('an editor behind a proxy', () => {
  let proxy: Listener;
  const ground = new Ground();
  /** What the proxy was asked for, as methods and whole addresses. */
  const passed: string[] = [];

  before(async () => {
    proxy = await listen('127.0.0.1');
    proxy.serve((req, res) => {
      const { method = '', url = '', headers } = req;
      passed.push(`${method} ${url.split('?')[0] ?? ''}`);
      const onward = request(url, { method, headers, agent: false }, (answer) => {
        res.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        answer.pipe(res);
      });
      onward.on('error', () => res.destroy());
      req.pipe(onward);
    });
    const settings = { 'http.proxy': proxy.origin, 'http.proxySupport': 'override' };
    await ground.open(
      { tickets: {} },
      {
        issuer: { host: elsewhere },
        servers: { host: elsewhere },
        editor: { settings, machineSettings: settings },
      },
    );
  });
  after(async () => {
    await ground.stop();
    await proxy.close();
  });

  it('is signed in for through it, and calls through it: discovery, registration, tokens and the server', async () => {
    const { editor, issuer } = ground;
    const { url } = ground.server('tickets');
    await editor.runCommand('MCP Credentials: Sign In…');
    // The editor asks before it opens an address that is not this computer's usual one.
    await editor.clickDialog('Open');
    assert.match(await ground.finishSignIn(alice), /You are signed in/);
    assert.equal(
      await editor.invokeTool(await ground.start('tickets', 'whoami')),
      'alice@example.com (Alice)',
    );
    for (const expected of [
      `GET ${new URL('/.well-known/oauth-protected-resource/mcp', url).href}`,
      `GET ${issuer.issuer}/.well-known/oauth-authorization-server`,
      `POST ${issuer.issuer}/reg`,
      `POST ${issuer.issuer}/token`,
      `POST ${url}`,
    ])
      assert.ok(
        passed.includes(expected),
        `${expected} did not pass, but ${[...new Set(passed)].join(', ')}.`,
      );
  });
});

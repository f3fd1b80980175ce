import assert from 'node:assert/strict';
import {
  startAuthorizationServer,
  type TestAuthorizationServer,
} from '../../support/authorization-server.js';
import { authorizationServerWith } from '../../support/changed-metadata.js';
import { FormBrowser } from '../../support/form-browser.js';
import { startMcpServer, type TestMcpServer } from '../../support/mcp-server.js';
import { notes, Profile, serverAt } from '../window.js';

describe('a sign-in by a code', () => {
  let issuer: TestAuthorizationServer;
  let mcp: TestMcpServer;
  const profile = new Profile();

  before(async () => {
    issuer = await startAuthorizationServer({
      accessTokenSeconds: 60,
      extraRoutes: (req, res) =>
        authorizationServerWith({
          device_authorization_endpoint: `http://${req.headers.host ?? ''}/device/auth`,
          code_challenge_methods_supported: undefined,
        })(req, res),
    });
    mcp = await startMcpServer({ issuer: issuer.issuer, name: 'notes', answers: 'json' });
  });
  after(async () => {
    await profile.close();
    await mcp.close();
    await issuer.close();
  });

  it('needs no port for a browser to come back to, and no PKCE, which protects a redirect', async () => {
    profile.redirects = { open: () => assert.fail('Nobody comes back.') };
    const browser = new FormBrowser({ username: 'alice', password: 'alice', decision: 'allow' });
    const entered: string[] = [];
    profile.showCode = ({ page }) => void browser.open(page).then(({ finalUrl }) => entered.push(finalUrl));
    const { broker } = profile.window();
    await broker.setServers([serverAt(mcp.url)]);
    let account: string | undefined;
    const signedIn = broker.signIn(notes, 'any', 'code').then(({ label }) => (account = label));
    while (account === undefined) {
      await new Promise(setImmediate);
      if (entered.length > 0) profile.clock.advance(1_000);
    }
    assert.equal(await signedIn, 'alice@example.com');
  });
});

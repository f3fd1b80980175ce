import assert from 'node:assert/strict';
import { parseRecord } from '../../src/core/audit.js';
import type { TestAuthorizationServer } from '../support/authorization-server.js';
import { until, type BrokerWindow } from '../support/broker-window.js';
import { serversSetting, useGround, userOf } from '../support/ground.js';

const pastTheEndMs = 55_000;

describe('secrets', () => {
  const ground = useGround();

  function assertClean(window: BrokerWindow, issuer: TestAuthorizationServer) {
    const remains = `${window.remains}\n${JSON.stringify(process.env)}\n${process.argv.join(' ')}`;
    assert.ok(issuer.issuedSecrets.size > 0);
    for (const secret of issuer.issuedSecrets) {
      assert.ok(!remains.includes(secret), `${secret.slice(0, 12)}… got out.`);
      assert.ok(!remains.includes(encodeURIComponent(secret)));
      const [, payload = secret] = secret.split('.');
      assert.ok(!remains.includes(payload), 'A part of a token got out.');
    }
  }

  it('are in no log, message, menu, document, definition, setting, globalState or file after a whole life', async () => {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    const user = serversSetting([server]);
    const { window, browser } = ground.window({ user });
    await window.signIn();
    const { call } = await window.connect('tickets');
    await call('whoami');
    window.clock.leap(pastTheEndMs);
    await call('whoami');
    server.deny(401, 2);
    await call('whoami');
    issuer.failNext('token', { status: 503 });
    window.clock.leap(49_000);
    await until(() => window.log(/Renewing failed/) !== undefined);
    await window.run('refreshNow');
    await window.run('showStatus', /Show Log/);
    issuer.revokeGrants('alice');
    window.clock.leap(pastTheEndMs);
    const waiting = call('whoami');
    (await window.editor.window.message(/waits for you/)).press('Sign In');
    await waiting;
    browser.user = userOf('bob');
    await window.signIn(/Another Account/);
    await window.run('signOut');
    (await window.editor.window.message(/Signed out bob/)).close();
    browser.user = userOf('alice', 'cancel');
    await window.signIn();
    await window.run('showAuditTrail');
    await window.run('showDiagnostics');
    assertClean(window, issuer);
    await window.close();
    assertClean(window, issuer);
    const recorded = new Set(window.stores.auditLines.map((line) => parseRecord(line)?.kind));
    for (const kind of ['sign-in', 'sign-out', 'refresh', 'delivery'] as const) {
      assert.ok(recorded.has(kind), `The trail has no ${kind}, so a search in it proves little.`);
    }

    const again = ground.window({ stores: window.stores, user }).window;
    await again.ready;
    await again.editor.definitions();
    assertClean(again, issuer);
  });

  it('of a confidential client stay in SecretStorage', async () => {
    const secret = 'a-client-secret-that-nobody-may-see';
    const issuer = await ground.issuer({
      clients: [
        {
          client_id: 'confidential',
          client_secret: secret,
          token_endpoint_auth_method: 'client_secret_basic',
          application_type: 'native',
          redirect_uris: ['http://127.0.0.1/callback'],
          grant_types: ['authorization_code', 'refresh_token'],
        },
      ],
    });
    const server = await ground.server(issuer);
    const { window } = ground.window({ user: serversSetting([server]) });
    const client = {
      issuer: issuer.issuer,
      clientId: 'confidential',
      clientSecret: secret,
      authMethod: 'client_secret_basic',
      source: 'dynamic',
    };
    const { stores } = window;
    const name = stores.secretName(`client:${issuer.issuer}`);
    stores.secrets.values.set(name, JSON.stringify({ version: 1, client }));
    await window.signIn();
    const { call } = await window.connect('tickets');
    window.clock.leap(pastTheEndMs);
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    issuer.failNext('token', 'reset');
    window.clock.leap(pastTheEndMs);
    await until(() => window.log(/Renewing failed/) !== undefined);
    assert.ok(issuer.issuedSecrets.has(secret));
    assertClean(window, issuer);
  });

  it('that an issuer sends back in its words stay out of the log and the messages', async () => {
    const { issuer, window } = await ground.signedIn();
    const { credentialKeys, secrets } = window.stores;
    const stored = secrets.values.get(credentialKeys[0] ?? '') ?? '';
    const { refreshToken } = (JSON.parse(stored) as { tokens: { refreshToken: string } }).tokens;
    issuer.failNext('token', {
      status: 400,
      body: { error: 'invalid_grant', error_description: `The token ${refreshToken} is unknown.` },
    });
    window.clock.leap(pastTheEndMs);
    await window.editor.window.message(/waits for you to sign in again/);
    assert.match(window.log(/refused to renew/) ?? '', /invalid_grant/);
    assertClean(window, issuer);
  });

  it('that a page quotes stay out of the log', async () => {
    const { issuer, window } = await ground.signedIn();
    const { credentialKeys, secrets } = window.stores;
    const stored = secrets.values.get(credentialKeys[0] ?? '') ?? '';
    const { refreshToken } = (JSON.parse(stored) as { tokens: { refreshToken: string } }).tokens;
    issuer.failNext('token', { status: 502, body: `<p>cannot forward refresh_token=${refreshToken}</p>` });
    window.clock.leap(pastTheEndMs);
    await until(() => window.log(/Renewing failed/) !== undefined);
    assertClean(window, issuer);
  });

  it('include the capability, which is in the definitions and nowhere else', async () => {
    const { window } = await ground.signedIn();
    const { call } = await window.connect('tickets');
    await call('whoami');
    const { headers } = await window.definition('tickets');
    const capability = (headers['Authorization'] ?? '').replace('Bearer ', '');
    const { logLines, messages, picks, statusBarItems } = window.editor.window;
    await window.run('showStatus', /Show Log/);
    const places = [
      logLines.join('\n'),
      JSON.stringify([messages, picks, statusBarItems]),
      window.stores.globalState.text,
      window.editor.settings.text,
      JSON.stringify([...window.stores.secrets.values]),
    ];
    assert.ok(capability.length > 40);
    for (const place of places) assert.ok(!place.includes(capability));
    assert.ok(window.editor.provided.at(-1)?.includes(capability));
  });
});

import assert from 'node:assert/strict';
import { authorizationServerWith } from '../support/changed-metadata.js';
import { failedSignIn, serversSetting, useGround } from '../support/ground.js';

describe('metadata that names an unsafe endpoint', () => {
  const ground = useGround();

  async function refuses(changes: Record<string, unknown>, expected: RegExp) {
    const issuer = await ground.issuer({ extraRoutes: authorizationServerWith(changes) });
    const server = await ground.server(issuer);
    const { window } = ground.window({ user: serversSetting([server]), browse: undefined });
    await window.ready;
    await failedSignIn(window, expected);
    assert.deepEqual(window.editor.opened, []);
    assert.deepEqual(window.stores.credentialKeys, []);
    return issuer;
  }

  for (const endpoint of [
    'javascript:alert(1)',
    'file:///etc/passwd',
    'vscode://command/x',
    'data:text/html,hello',
    'http://login.example.com/auth',
    'https://user:password@login.example.com/auth',
    'not a URL',
  ]) {
    it(`never opens ${endpoint}`, async () => {
      await refuses({ authorization_endpoint: endpoint }, /cannot be used as an address/);
    });
  }

  it('sends nothing to a registration endpoint without encryption', async () => {
    const issuer = await refuses(
      { registration_endpoint: 'http://login.example.com/reg' },
      /“http:\/\/login\.example\.com\/reg” cannot be used as an address: it is not encrypted/,
    );
    assert.deepEqual(issuer.events, []);
  });

  it('sends no code to a token endpoint without encryption', async () => {
    const issuer = await ground.issuer({
      extraRoutes: authorizationServerWith({ token_endpoint: 'http://login.example.com/token' }),
    });
    const server = await ground.server(issuer);
    const { window } = ground.window({ user: serversSetting([server]) });
    await window.ready;
    await failedSignIn(window, /cannot be used as an address: it is not encrypted/);
    assert.deepEqual(window.stores.credentialKeys, []);
  });

  it('does not ask an issuer without encryption', async () => {
    const issuer = await ground.issuer();
    const resource = await ground.resource(issuer);
    resource.metadata = { authorization_servers: ['http://login.example.com'] };
    const { window } = ground.window({ user: serversSetting([resource]), browse: undefined });
    await window.ready;
    await failedSignIn(window, /“http:\/\/login\.example\.com” cannot be used as an address/);
  });
});

describe('a PKCE downgrade', () => {
  const ground = useGround();

  for (const [name, methods] of Object.entries({
    'says nothing about PKCE': undefined,
    'checks only plain': ['plain'],
    'checks nothing': [],
  })) {
    it(`is refused when the authorization server ${name}`, async () => {
      const issuer = await ground.issuer({
        extraRoutes: authorizationServerWith({ code_challenge_methods_supported: methods }),
      });
      const server = await ground.server(issuer);
      const { window } = ground.window({ user: serversSetting([server]), browse: undefined });
      await window.ready;
      await failedSignIn(window, /does not say that it protects sign-ins with PKCE/);
      assert.equal(issuer.counts().authorizationRequests, 0);
    });
  }

  it('is not something we offer: every request carries an S256 challenge of its own', async () => {
    const { window } = await ground.signedIn();
    await window.signIn(/Again as/);
    const challenges = window.editor.opened.map((url) => {
      const { searchParams } = new URL(url);
      assert.equal(searchParams.get('code_challenge_method'), 'S256');
      return searchParams.get('code_challenge');
    });
    assert.equal(new Set(challenges).size, 2);
  });
});

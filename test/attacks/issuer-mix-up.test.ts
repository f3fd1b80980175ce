import assert from 'node:assert/strict';
import type { TestAuthorizationServer } from '../support/authorization-server.js';
import { failedSignIn, serversSetting, useGround, userOf } from '../support/ground.js';

type Change = (parameters: URLSearchParams, issuer: TestAuthorizationServer) => void;

describe('an answer of another issuer than the one that was asked (mix-up, RFC 9207)', () => {
  const ground = useGround();

  /** The redirect is changed on its way out of the authorization server. */
  async function signInWith(change: Change, decision: 'allow' | 'cancel' = 'allow') {
    const issuer: TestAuthorizationServer = await ground.issuer({
      extraRoutes: (_req, res) => {
        const setHeader = res.setHeader.bind(res);
        res.setHeader = (name, value) => {
          if (name.toLowerCase() !== 'location') return setHeader(name, value);
          const redirect = new URL(String(value), issuer.issuer);
          if (redirect.pathname === '/callback') change(redirect.searchParams, issuer);
          return setHeader(name, redirect.href);
        };
        return false;
      },
    });
    const server = await ground.server(issuer);
    const { window } = ground.window({ user: serversSetting([server]) }, userOf('alice', decision));
    await window.ready;
    return { issuer, window, run: window.run('signIn') };
  }

  const changes: Record<string, Change> = {
    'names another issuer': (parameters) => parameters.set('iss', 'https://evil.example.com'),
    'names it in other letters': (parameters, { issuer }) => parameters.set('iss', issuer.toUpperCase()),
    'names it with a slash more': (parameters, { issuer }) => parameters.set('iss', `${issuer}/`),
    'names it encoded otherwise': (parameters, { issuer }) =>
      parameters.set('iss', encodeURI(issuer).replace('1', '%31')),
    'names none although the issuer promised to': (parameters) => parameters.delete('iss'),
    'names it twice': (parameters, { issuer }) => parameters.append('iss', issuer),
    'brings a code twice': (parameters) => parameters.append('code', 'another'),
    'brings a token instead of a code': (parameters) => {
      parameters.delete('code');
      parameters.set('access_token', 'token-of-somebody-else');
    },
  };

  for (const [name, change] of Object.entries(changes)) {
    it(`is ignored when it ${name}: the code goes nowhere`, async () => {
      const { issuer, window, run } = await signInWith(change);
      const failure = await window.editor.window.message(
        /does not belong to this sign-in, so it was ignored/,
      );
      failure.close();
      await run;
      assert.match((await window.editor.visits[0])?.text ?? '', /You are not signed in/);
      assert.deepEqual([issuer.counts().codesExchanged, window.stores.credentialKeys.length], [0, 0]);
      assert.equal(issuer.events.filter(({ kind }) => kind === 'code-refused').length, 0);
    });
  }

  it('is ignored when it is an error, too', async () => {
    const { window, run } = await signInWith(
      (parameters) => parameters.set('iss', 'https://evil.example.com'),
      'cancel',
    );
    (await window.editor.window.message(/does not belong to this sign-in/)).close();
    await run;
  });

  it('is not even asked for when the metadata names another issuer', async () => {
    const honest = await ground.issuer();
    const resource = await ground.resource(honest);
    // The path is not part of the issuer's name, and the document says so.
    resource.metadata = { authorization_servers: [`${honest.issuer}/tenant`] };
    const copycat = await ground.issuer({
      extraRoutes: (req, res) => {
        if (!/^\/\.well-known\/(oauth-authorization-server|openid-configuration)/.test(req.url ?? ''))
          return false;
        res.writeHead(200, { 'content-type': 'application/json' });
        res.end(JSON.stringify({ issuer: honest.issuer, authorization_endpoint: `${honest.issuer}/auth` }));
        return true;
      },
    });
    resource.metadata = { authorization_servers: [copycat.issuer] };
    const { window } = ground.window({ user: serversSetting([resource]), browse: undefined });
    await window.ready;
    await failedSignIn(window, /claims to be another one, so nothing was sent to it/);
    assert.equal(honest.counts().authorizationRequests, 0);
  });

  it('cannot be the issuer that the user did not name', async () => {
    const [named, other] = [await ground.issuer(), await ground.issuer()];
    const server = await ground.server(other);
    const { window } = ground.window({
      user: serversSetting([server], { tickets: { auth: { issuer: named.issuer } } }),
      browse: undefined,
    });
    await window.ready;
    await failedSignIn(window, /does not use the authorization server .*; it names .*Correct "auth\.issuer"/);
    assert.deepEqual([...named.events, ...other.events], []);
  });
});

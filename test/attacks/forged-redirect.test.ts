import assert from 'node:assert/strict';
import { failedSignIn, useGround, userOf } from '../support/ground.js';
import { rawRequest } from '../support/raw-request.js';

describe('a redirect that another local process forges', () => {
  const ground = useGround();

  it('is turned away without its state, and the sign-in goes on', async () => {
    const { issuer, window } = await ground.signedOut(async (url, { browser }) => {
      const { searchParams } = new URL(url);
      const home = searchParams.get('redirect_uri') ?? '';
      const state = searchParams.get('state') ?? '';
      const forged = [
        `${home}?code=forged`,
        `${home}?code=forged&state=`,
        `${home}?code=forged&state=${state}x`,
        `${home}?code=forged&state=guess&state=${state}`,
        `${home.replace('/callback', '/')}?code=forged&state=${state}`,
        `${home}/more?code=forged&state=${state}`,
      ];
      for (const attempt of forged) {
        const answer = await rawRequest(attempt, { method: 'GET' });
        assert.deepEqual([answer.status, answer.body], [404, ''], attempt);
      }
      const right = `${home}?code=forged&state=${state}`;
      for (const method of ['POST', 'PUT', 'HEAD', 'OPTIONS']) {
        assert.equal((await rawRequest(right, { method })).status, 404, method);
      }
      for (const host of ['evil.example.com', `localhost:${new URL(home).port}`]) {
        assert.equal((await rawRequest(right, { method: 'GET', headers: { host } })).status, 404, host);
      }
      return browser.open(url);
    });
    assert.match((await window.signIn()).text, /You are signed in/);
    assert.equal(issuer.counts().codesExchanged, 1);
  });

  it('cannot replay one of before: the state is good once, and its port is closed', async () => {
    const redirects: string[] = [];
    const { issuer, window } = await ground.signedOut(async (url, { browser }) => {
      const home = new URL(url).searchParams.get('redirect_uri') ?? '';
      for (const old of redirects) {
        const replayed = new URL(old);
        replayed.port = new URL(home).port;
        assert.equal((await rawRequest(replayed.href, { method: 'GET' })).status, 404);
      }
      const visit = await browser.open(url);
      redirects.push(visit.finalUrl);
      return visit;
    });
    await window.signIn();
    const [first = ''] = redirects;
    await assert.rejects(rawRequest(first, { method: 'GET' }), /ECONNREFUSED|ECONNRESET/);
    await window.signIn(/Again as alice/);
    assert.equal(issuer.counts().codesExchanged, 2);
    const states = window.editor.opened.map((url) => new URL(url).searchParams.get('state') ?? '');
    assert.notEqual(states[0], states[1]);
    assert.ok(states.every((state) => state.length >= 43));
  });

  it('cannot bring a code of its own: it is bound to our verifier', async () => {
    const { issuer, window } = await ground.signedOut((url, { browser }) => {
      const mine = new URL(url);
      mine.searchParams.set('code_challenge', 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM');
      return browser.open(mine.href);
    }, userOf('bob'));
    await window.ready;
    await failedSignIn(window, /refused the sign-in/);
    assert.deepEqual(window.stores.credentialKeys, []);
    assert.equal(issuer.counts().codesExchanged, 0);
  });
});

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Stores } from '../support/broker-window.js';
import { serversSetting, useGround, userOf } from '../support/ground.js';
import { answerRpc } from '../support/scripted-resource.js';

describe('what is remembered of sessions and bindings', () => {
  const ground = useGround();

  it('is in files of the profile, without tokens and without session ids', async () => {
    const { issuer, window } = await ground.signedIn();
    const { transport } = await window.connect('tickets');
    const sessionId = transport.sessionId ?? '';
    await window.close();
    const { ledgerText } = window.stores;
    assert.equal(
      ledgerText.match(/alice@example\.com/g)?.length,
      3,
      'A binding, when it was reached, a session.',
    );
    assert.ok(sessionId.length > 10 && !ledgerText.includes(sessionId));
    for (const secret of issuer.issuedSecrets) assert.ok(!ledgerText.includes(secret));
    assert.deepEqual(
      window.stores.memento
        .keys()
        .map((key) => key.split(':')[0])
        .sort(),
      ['credential', 'registration'],
      'Which of them there are; what they hold is in the secret storage.',
    );
  });

  it('is one profile’s own', async () => {
    const { server, window } = await ground.signedIn();
    await window.close();
    const other = ground.window({ user: serversSetting([server]) }).window;
    assert.match((await other.definition('tickets')).version ?? '', /^signed-out /);
  });

  it('is in memory when files cannot be had: calls go on, and no session changes its account', async () => {
    const stores = new Stores();
    for (const name of ['sessions', 'bindings']) writeFileSync(join(stores.folder, name), '');
    const { window, browser } = await ground.signedIn({ window: { stores } });
    const { call } = await window.connect('tickets');
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    browser.user = userOf('bob');
    await window.signIn(/Another Account/);
    await assert.rejects(call('whoami'), { status: 404 });
    assert.match(window.log(/The sessions cannot be read/) ?? '', /^warn /);
  });

  describe('lets sessions keep their account at a server that', () => {
    const initialize = {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } },
    };
    const call = { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'x' } };

    /** A server whose sessions have the ids that `idFor` says, and whose GET is answered with `getStatus`. */
    async function careless(idFor: (body: string) => string, getStatus = 405) {
      const scripted = await ground.signedInForScripted();
      const { resource, browser, window, url, headers } = scripted;
      const result = {
        protocolVersion: '2025-11-25',
        capabilities: {},
        serverInfo: { name: 'x', version: '1' },
      };
      resource.handle = (req, res, body) => {
        if (req.method === 'POST') answerRpc(res, body, result, { 'mcp-session-id': idFor(body) });
        else res.writeHead(req.method === 'GET' ? getStatus : 200).end();
      };
      const accept = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };
      const ask = async (body?: object, session = '', method = 'POST') => {
        const named = session === '' ? {} : { 'mcp-session-id': session };
        const sent = body === undefined ? {} : { body: JSON.stringify(body) };
        const answer = await fetch(url, { method, headers: { ...headers, ...accept, ...named }, ...sent });
        await answer.text();
        return { status: answer.status, session: answer.headers.get('mcp-session-id') ?? '' };
      };
      const becomeBob = async () => {
        browser.user = userOf('bob');
        await window.signIn(/Another Account/);
        resource.seen.length = 0;
      };
      return { resource, window, ask, becomeBob };
    }

    for (const status of [404, 405])
      it(`answers GET with ${status}`, async () => {
        const { resource, ask, becomeBob } = await careless(() => 'of-alice', status);
        const { session } = await ask(initialize);
        assert.equal((await ask(undefined, session, 'GET')).status, status);
        assert.equal((await ask(call, session)).status, 200);
        await becomeBob();
        assert.equal((await ask(call, session)).status, 404);
        assert.deepEqual(resource.seen, []);
      });

    it('renames them, which no client hears of, since a session keeps its name', async () => {
      const { ask, becomeBob } = await careless((body) => (body.includes('initialize') ? 'first' : 'second'));
      const { session } = await ask(initialize);
      const renamed = await ask(call, session);
      assert.deepEqual([session, renamed.session], ['first', 'first']);
      await becomeBob();
      assert.equal((await ask(call, 'first')).status, 404);
    });

    it('renames one again and again, which pushes no other one out of what is remembered', async () => {
      let renamed = 0;
      const idFor = (body: string) => (body.includes('initialize') ? 'alices' : `s-${renamed++}`);
      const { resource, window, ask, becomeBob } = await careless(idFor);
      window.editor.settings.set('user', 'mcpCredentials.sessions.keepCount', 10);
      await ask(initialize);
      let session = 'another';
      for (let times = 0; times < 12; times++) ({ session } = await ask(call, session));
      await becomeBob();
      assert.equal((await ask(call, 'alices')).status, 404);
      assert.deepEqual(resource.seen, []);
    });

    it('names another account’s in answer to a call', async () => {
      let bobs = 'alices';
      const { ask, becomeBob } = await careless((body) => (body.includes('tools/call') ? 'alices' : bobs));
      await ask(initialize);
      await becomeBob();
      bobs = 'b';
      const { session } = await ask(initialize);
      const answer = await ask(call, session);
      assert.deepEqual([answer.status, answer.session], [200, session]);
      assert.equal((await ask(call, answer.session)).status, 200);
      assert.equal((await ask(call, 'alices')).status, 404);
    });

    it('names another account’s in answer to a call outside of any', async () => {
      const { ask, becomeBob } = await careless(() => 'alices');
      await ask(initialize);
      await becomeBob();
      const { status, session } = await ask(call);
      assert.deepEqual([status, session], [200, '']);
      assert.equal((await ask(call, 'alices')).status, 404);
    });

    it('gives all of them the same id, with which each account can work', async () => {
      const { resource, ask, becomeBob } = await careless(() => 'default');
      const alices = (await ask(initialize)).session;
      assert.equal((await ask(call, alices)).status, 200);
      await becomeBob();
      for (let times = 0; times < 2; times++) {
        const { status, session } = await ask(initialize);
        assert.equal(status, 200);
        assert.equal((await ask(call, session)).status, 200);
        assert.equal((await ask(undefined, session, 'GET')).status, 405);
        assert.equal((await ask(call, session)).session, session);
        assert.equal((await ask(call, alices)).status, 404);
        assert.equal((await ask(undefined, session, 'DELETE')).status, 200);
        assert.equal((await ask(call, session)).status, 404);
      }
      const ids = resource.authorized.flatMap(({ headers }) => headers['mcp-session-id'] ?? []);
      assert.deepEqual(new Set(ids), new Set(['default']));
    });

    it('gives all of them the same id, and hears of each client that it is ready', async () => {
      const { resource, ask, becomeBob } = await careless(() => 'default');
      const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' };
      for (const become of [() => Promise.resolve(), becomeBob]) {
        await become();
        const { session } = await ask(initialize);
        await ask(initialized, session);
        const heard = resource.authorized.map(({ body }) => JSON.parse(body) as { method: string });
        assert.deepEqual(
          heard.map(({ method }) => method),
          ['initialize', 'notifications/initialized'],
        );
      }
    });

    it('was not seen to open them', async () => {
      const { ask, becomeBob } = await careless(() => 'elsewhere');
      assert.equal((await ask(call, 'elsewhere')).status, 200);
      await becomeBob();
      assert.equal((await ask(call, 'elsewhere')).status, 404);
    });

    it('lets one of two clients end the session of both', async () => {
      const { ask, becomeBob } = await careless(() => 'default');
      const { session } = await ask(initialize);
      assert.equal((await ask(undefined, session, 'DELETE')).status, 200);
      assert.equal((await ask(call, session)).status, 200);
      await becomeBob();
      assert.equal((await ask(call, session)).status, 404);
    });
  });
});

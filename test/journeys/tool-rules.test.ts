import assert from 'node:assert/strict';
import { parseRecord } from '../../src/core/audit.js';
import type { BrokerWindow } from '../support/broker-window.js';
import { serversSetting, useGround } from '../support/ground.js';
import { callOf, rawRequest } from '../support/raw-request.js';
import { answerRpc } from '../support/scripted-resource.js';

describe('rules for what a server may be used for', () => {
  const ground = useGround();

  async function signedIn(rules: Record<string, unknown>, answers: 'json' | 'sse' = 'json') {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer, { answers });
    const { window } = ground.window({
      user: { 'mcpCredentials.servers': { tickets: { type: 'http', url: server.url, rules } } },
    });
    await window.signIn();
    return { issuer, server, window };
  }

  const recorded = (window: BrokerWindow) =>
    window.stores.auditLines
      .map((line) => parseRecord(line))
      .flatMap((record) =>
        record?.use === undefined ? [] : [[record.kind, record.outcome ?? record.code, record.use]],
      );

  for (const answers of ['json', 'sse'] as const) {
    it(`hide what they say never to, and refuse it to whoever calls it all the same (${answers})`, async () => {
      const { server, window } = await signedIn({ 'tools/*': 'never', 'tools/who*': 'allow' }, answers);
      const { client, call } = await window.connect('tickets');
      const { tools } = await client.listTools();
      assert.deepEqual(
        tools.map(({ name }) => name),
        ['whoami'],
      );
      assert.equal(await call('whoami'), 'alice@example.com (Alice)');
      assert.match(
        await call('note', { text: 'one' }),
        /^isError: A rule in the user’s settings forbids "tools\/note" of the MCP server “tickets”/,
      );
      assert.equal(server.notes.length, 0);
      await window.close();
      assert.deepEqual(recorded(window), [['refusal', 'call_forbidden', 'tools/note']]);
    });
  }

  it('ask before each call, and only the ones that are allowed reach the server', async () => {
    const { server, window } = await signedIn({ 'tools/note': 'ask' });
    const { call } = await window.connect('tickets');
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    const first = call('note', { text: 'one' });
    (
      await window.editor.window.message(
        /Run the tool "note" of the MCP server “tickets” as alice@example\.com\?/,
      )
    ).press('Allow');
    assert.equal(await first, 'one');
    const second = call('note', { text: 'two' });
    (await window.editor.window.message(/Run the tool "note"/)).press('Don’t Allow');
    assert.match(await second, /^isError: The user was asked and did not allow "tools\/note"/);
    const third = call('note', { text: 'three' });
    await window.editor.window.message(/Run the tool "note"/);
    await window.waiting(1);
    window.clock.leap(121_000);
    assert.match(
      await third,
      /^isError: .*nobody answered the notification in time.*Tell the user, then try again/,
    );
    assert.deepEqual(
      server.notes.map(({ text }) => text),
      ['one'],
    );
    await window.close();
    assert.deepEqual(recorded(window), [
      ['question', 'allowed', 'tools/note'],
      ['question', 'denied', 'tools/note'],
      ['question', 'unanswered', 'tools/note'],
    ]);
  });

  it('send the token of the moment after a long question, and none before', async () => {
    const { issuer, server, window } = await signedIn({ 'tools/note': 'ask' });
    const { call } = await window.connect('tickets');
    const before = server.requests.length;
    const answer = call('note', { text: 'late' });
    const notice = await window.editor.window.message(/Run the tool/);
    window.clock.leap(70_000);
    assert.equal(server.requests.length, before);
    notice.press('Allow');
    assert.equal(await answer, 'late');
    assert.equal(issuer.counts().refreshes, 1);
  });

  it('want permissions before the call is sent, in the one notification that there is for it', async () => {
    const { issuer, server, window } = await signedIn({
      'tools/note': { scopes: ['mcp:write'], use: 'ask' },
    });
    const { call } = await window.connect('tickets');
    const before = server.requests.length;
    const answer = call('note', { text: 'one' });
    const notice = await window.editor.window.message(
      /“tickets” needs more permissions of alice@example\.com: "mcp:write"/,
    );
    assert.equal(server.requests.length, before, 'Nothing was sent.');
    notice.press('Allow…');
    (await window.editor.window.message(/Run the tool "note"/)).press('Allow');
    assert.equal(await answer, 'one');
    assert.equal(issuer.counts().authorizationRequests, 2);
    const again = call('note', { text: 'two' });
    (await window.editor.window.message(/Run the tool "note"/)).press('Allow');
    assert.equal(await again, 'two');
    assert.equal(issuer.counts().authorizationRequests, 2);
  });

  it('hold for resources and prompts as well', async () => {
    const issuer = await ground.issuer();
    const resource = await ground.resource(issuer);
    const rules = { 'resources/file:///secret/*': 'never', 'prompts/*': 'never' };
    const { window } = ground.window({ user: serversSetting([resource], { tickets: { rules } }) });
    await window.signIn();
    const { url, headers } = await window.definition('tickets');
    const send = async (method: string, params: object) => {
      const body = JSON.stringify({ jsonrpc: '2.0', id: 4, method, params });
      return JSON.parse((await rawRequest(url, { headers, body })).body) as { error?: { data: unknown } };
    };
    resource.handle = (_req, res, body) => answerRpc(res, body, { contents: [] });
    assert.deepEqual((await send('resources/read', { uri: 'file:///secret/a' })).error?.data, {
      code: 'call_forbidden',
    });
    assert.deepEqual((await send('prompts/get', { name: 'letter' })).error?.data, { code: 'call_forbidden' });
    assert.equal((await send('resources/read', { uri: 'file:///open' })).error, undefined);
    assert.equal(resource.authorized.length, 1);
  });

  it('let nothing by that they cannot be applied to', async () => {
    const issuer = await ground.issuer();
    const resource = await ground.resource(issuer);
    const { window } = ground.window({
      user: serversSetting([resource], { tickets: { rules: { 'tools/delete': 'never' } } }),
    });
    await window.signIn();
    const { url, headers } = await window.definition('tickets');
    const call = (name: string, id = 1) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name } });
    const bodies = [
      'no json',
      JSON.stringify([call('read', 1), call('delete', 2)]),
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete","name":"read"}}`,
      JSON.stringify({ ...call('delete'), padding: 'x'.repeat(1_100_000) }),
      JSON.stringify({ jsonrpc: '2.0', method: 'tools/call', params: { name: 'delete' } }),
    ];
    for (const body of bodies) await rawRequest(url, { headers, body });
    await rawRequest(url, { headers: { ...headers, 'mcp-name': 'delete' }, body: callOf('read') });
    assert.deepEqual(resource.authorized, []);
    const batch = await rawRequest(url, {
      headers,
      body: JSON.stringify([call('read', 1), call('other', 2)]),
    });
    assert.equal(batch.status, 200);
    assert.equal(resource.authorized.length, 1, 'A batch of what is allowed goes through whole.');
  });
});

describe('rules that a workspace proposes', () => {
  const ground = useGround();

  it('hold, and the user’s own hold beside them for every server at the same place', async () => {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    const { window } = ground.window({
      user: {
        'mcpCredentials.servers': {
          mine: { type: 'http', url: server.url, rules: { 'tools/note': 'never' } },
        },
      },
      workspace: {
        'mcpCredentials.servers': {
          tickets: { type: 'http', url: server.url, rules: { 'tools/note': 'allow', 'tools/fail': 'never' } },
        },
      },
      folder: 'file:///home/alice/project',
    });
    (await window.editor.window.message(/wants to use/)).press('Allow');
    await window.offers('tickets');
    await window.signIn(/^mine/);
    const { call } = await window.connect('tickets');
    assert.match(
      await call('note', { text: 'x' }),
      /^isError: A rule in the user’s settings forbids "tools\/note"/,
    );
    assert.match(await call('fail'), /^isError: A rule in the user’s settings forbids "tools\/fail"/);
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
  });

  it('are not those of the user’s own server, and a token is delivered in a header for none', async () => {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    const entry = { type: 'http', url: server.url };
    const { window } = ground.window({
      user: { 'mcpCredentials.servers': { tickets: { ...entry, rules: { 'tools/note': 'never' } } } },
      workspace: { 'mcpCredentials.servers': { tickets: entry, plain: { ...entry, delivery: 'header' } } },
      folder: 'file:///home/alice/project',
    });
    await window.signIn();
    const { call } = await window.connect('tickets');
    assert.match(await call('note', { text: 'x' }), /^isError: A rule/);
    assert.equal((await window.editor.definitions()).length, 1);
    assert.match(window.log(/"plain"/) ?? '', /has "delivery", which can be in your own settings only/);
  });
});

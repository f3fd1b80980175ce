import assert from 'node:assert/strict';
import { request } from 'node:http';
import { serversSetting, useGround } from '../support/ground.js';

describe('a streamed result', () => {
  const ground = useGround();

  it('arrives event by event, the first before the last is sent', async () => {
    const { window } = await ground.signedIn({ server: { answers: 'sse' } });
    const { client } = await window.connect('tickets');
    const seen: { readonly sentAtMs: number; readonly seenAtMs: number }[] = [];
    const messages: unknown[] = [];
    client.setNotificationHandler('notifications/message', ({ params }) => void messages.push(params.data));
    const { content } = await client.callTool(
      { name: 'count', arguments: { steps: 4, intervalMs: 60 } },
      {
        onprogress: ({ message }) => {
          seen.push({ sentAtMs: Number(/sent at (\d+)/.exec(message ?? '')?.[1]), seenAtMs: Date.now() });
        },
      },
    );
    assert.deepEqual(content, [{ type: 'text', text: 'Counted to 4.' }]);
    assert.deepEqual([seen.length, messages.length], [4, 4]);
    const [first, last] = [seen[0], seen[3]];
    assert.ok(
      first && last && first.seenAtMs < last.sentAtMs,
      'The first was seen before the last was sent.',
    );
  });

  it('goes on while the token it was asked for with is renewed', async () => {
    const { issuer, window } = await ground.signedIn({ server: { answers: 'sse' } });
    const { client, call } = await window.connect('tickets');
    let steps = 0;
    const counted = client.callTool(
      { name: 'count', arguments: { steps: 6, intervalMs: 50 } },
      {
        onprogress: () => {
          if (++steps === 2) window.clock.leap(55_000);
        },
      },
    );
    assert.equal(JSON.stringify((await counted).content), '[{"type":"text","text":"Counted to 6."}]');
    assert.equal(await call('whoami'), 'alice@example.com (Alice)');
    assert.equal(issuer.counts().refreshes, 1);
  });
});

describe('a client that hangs up', () => {
  const ground = useGround();

  for (const when of ['before', 'after'] as const) {
    it(`ends the request to the server as well, ${when} the answer has begun`, async () => {
      const issuer = await ground.issuer();
      const resource = await ground.resource(issuer);
      const { window } = ground.window({ user: serversSetting([resource]) });
      await window.signIn();
      let hasArrived: () => void = () => undefined;
      const arrived = new Promise<void>((resolve) => {
        hasArrived = resolve;
      });
      const ended = new Promise<void>((resolve) => {
        resource.handle = (_req, res) => {
          res.once('close', resolve);
          if (when === 'after')
            res.writeHead(200, { 'content-type': 'text/event-stream' }).write(': hello\n\n');
          hasArrived();
        };
      });
      const { url, headers } = await window.definition('tickets');
      const outgoing = request(url, { method: 'POST', headers });
      const hasFailed = new Promise<void>((resolve) => outgoing.once('error', () => resolve()));
      const hasBegun = new Promise<void>((resolve) =>
        outgoing.once('response', (answer) => answer.once('data', () => resolve())),
      );
      outgoing.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }));
      await (when === 'after' ? hasBegun : arrived);
      outgoing.destroy(new Error('The user closed the editor.'));
      await Promise.all([ended, hasFailed]);
    });
  }

  it('while it waits for the user leaves nothing behind', async () => {
    const { issuer, window } = await ground.signedIn();
    const { url, headers } = await window.definition('tickets');
    issuer.revokeGrants('alice');
    window.clock.leap(55_000);
    const hangUp = new AbortController();
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
    const call = assert.rejects(fetch(url, { method: 'POST', headers, body, signal: hangUp.signal }));
    await window.editor.window.message(/waits for you/);
    await window.waiting(1);
    hangUp.abort();
    await call;
    await window.waiting(0);
  });
});

import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { toolCall } from '../support/proxy-rig.js';
import { bob, resultOf, useRemembered } from '../support/remembered-rig.js';

describe('a session that began before anybody had signed in', () => {
  const rig = useRemembered();

  beforeEach(async () => {
    await rig.learn();
    rig.signOut();
  });

  describe('with a server that has no sessions', () => {
    const serve = (req: IncomingMessage, res: ServerResponse, body: string) => {
      assert.equal(req.headers['mcp-session-id'], undefined);
      const { id, method } = JSON.parse(body) as { id?: unknown; method?: string };
      if (id === undefined) {
        res.writeHead(202).end();
        return;
      }
      const { capabilities } = rig;
      const result =
        method === 'initialize' ? { protocolVersion: '2025-11-25', capabilities } : { done: method };
      res
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    };

    it('keeps its account', async () => {
      const inSession = await rig.beginLocally();
      rig.handle = serve;
      rig.signIn();
      assert.equal(resultOf(await rig.send(toolCall, inSession))['done'], 'tools/call');
      const name = inSession['mcp-session-id'] ?? '';
      assert.ok(rig.tokens.asked.includes(`sessionOpened ${rig.id} ${name} alice@example.com`));
      rig.tokens.owner = bob;
      rig.seen.length = 0;
      assert.equal((await rig.send(toolCall, inSession)).status, 404);
      assert.deepEqual(rig.seen, []);
    });

    it('is forgotten when the client ends it', async () => {
      const inSession = await rig.beginLocally();
      rig.handle = serve;
      rig.signIn();
      await rig.send(toolCall, inSession);
      rig.handle = (_req, res) => res.writeHead(204).end();
      await rig.send('', inSession, 'DELETE');
      assert.ok(rig.tokens.asked.includes(`sessionClosed ${rig.id} ${inSession['mcp-session-id'] ?? ''}`));
    });
  });
});

/* eslint-disable @typescript-eslint/no-deprecated -- What is deprecated on the newest wire is still spoken on the others. */
import assert from 'node:assert/strict';
import { OfficialClient, type Wire } from '../support/official-client.js';
import { StatefulServer, StatelessServer } from '../support/official-server.js';
import { settled, useProxy } from '../support/proxy-rig.js';

/** The official client and server with all that they can do, and our proxy in between. */
describe('the official client and server', () => {
  const rig = useProxy();
  let official: OfficialClient;

  afterEach(() => official.close());

  async function connect(wire: Wire): Promise<void> {
    const endpoint = rig.proxy.endpoint(rig.id) ?? assert.fail();
    const headers = { authorization: `Bearer ${endpoint.capability.reveal()}` };
    official = await OfficialClient.connect(wire, { url: endpoint.url, headers });
  }

  const usesEverything = () =>
    official.useEverything(() => settled(() => rig.seen.some(({ body }) => body.includes('"hang"'))));

  describe('on the stateful wire', () => {
    let server: StatefulServer;

    beforeEach(() => {
      server = new StatefulServer();
      rig.handle = (req, res, body) => void server.handle(req, res, body);
    });

    it('do all that they can', async () => {
      await connect('legacy');
      const { client, heard } = official;
      await usesEverything();
      await client.setLoggingLevel('debug');
      const asked = await official.call('ask');
      assert.match(asked, /answer to 1.*"name":"Ada".*file:\/\/\/work/);
      await settled(() => heard.includes('notifications/message'));
      await official.call('grow');
      await settled(() => heard.includes('notifications/tools/list_changed'));
      assert.ok(heard.includes('notifications/tools/list_changed'));
      await official.endSession();
      assert.equal(rig.seen.at(-1)?.method, 'DELETE');
    });

    it('take a stream up again where it broke off', async () => {
      await connect('legacy');
      const { heard } = official;
      const { streams } = server;
      await settled(() => streams.size === 1);
      await server.server.server.sendToolListChanged();
      await settled(() => heard.length === 1);
      for (const stream of streams) stream.destroy();
      await server.server.server.sendToolListChanged().catch(() => undefined);
      await settled(() => heard.length === 2);
      assert.equal(heard.length, 2, 'What was said meanwhile is not lost.');
      const resumed = rig.seen.filter(({ method, headers }) => method === 'GET' && headers['last-event-id']);
      assert.equal(resumed.length, 1);
    });
  });

  describe('on the stateless wire', () => {
    let server: StatelessServer;

    beforeEach(() => {
      server = new StatelessServer();
      rig.handle = (req, res, body) => void server.handle(req, res, body);
    });
    afterEach(() => server.close());

    it('do all that they can', async () => {
      await connect({ pin: '2026-07-28' });
      await usesEverything();
      assert.ok(rig.seen.every(({ headers }) => headers['mcp-session-id'] === undefined));
      assert.ok(rig.seen.every(({ headers }) => headers['mcp-protocol-version'] === '2026-07-28'));
      assert.ok(rig.seen.some(({ headers }) => headers['mcp-method'] === 'tools/call'));
    });

    it('hear of changes in a subscription', async () => {
      await connect({ pin: '2026-07-28' });
      const { client, heard } = official;
      const subscription = await client.listen({
        toolsListChanged: true,
        resourceSubscriptions: ['notes://fixed'],
      });
      server.handler.notify.toolsChanged();
      server.handler.notify.resourceUpdated('notes://fixed');
      await settled(() => heard.length === 2);
      assert.deepEqual([...heard].sort(), [
        'notifications/resources/updated',
        'notifications/tools/list_changed',
      ]);
      await subscription.close();
    });
  });
});

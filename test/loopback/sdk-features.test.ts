/* eslint-disable @typescript-eslint/no-deprecated -- What is deprecated on the newest wire is still spoken on the others. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import {
  createMcpHandler,
  WebStandardStreamableHTTPServerTransport,
  type McpHttpHandler,
  type McpServer,
} from '@modelcontextprotocol/server';
import { fullMcpServer, said } from '../support/full-mcp-server.js';
import { EventMemory } from '../support/event-memory.js';
import { settled, useProxy } from '../support/proxy-rig.js';
import { sendResponse, webRequest } from '../support/web-request.js';

/** The official client and server with all that they can do, and our proxy in between. */
describe('the official client and server', () => {
  const rig = useProxy();
  let client: Client;
  const heard: string[] = [];

  afterEach(() => client.close());

  async function connect(mode: 'legacy' | { pin: string }): Promise<StreamableHTTPClientTransport> {
    heard.length = 0;
    client = new Client(
      { name: 'test', version: '1' },
      {
        capabilities: { sampling: {}, elicitation: { form: {} }, roots: { listChanged: true } },
        versionNegotiation: { mode },
      },
    );
    client.setRequestHandler('sampling/createMessage', ({ params }) => ({
      model: 'm',
      role: 'assistant',
      content: { type: 'text', text: `answer to ${JSON.stringify(params.messages.length)}` },
    }));
    client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { name: 'Ada' } }));
    client.setRequestHandler('roots/list', () => ({ roots: [{ uri: 'file:///work' }] }));
    for (const method of [
      'notifications/tools/list_changed',
      'notifications/message',
      'notifications/resources/updated',
    ] as const)
      client.setNotificationHandler(method, ({ method: name }) => void heard.push(name));
    const endpoint = rig.proxy.endpoint(rig.id);
    const headers = { authorization: `Bearer ${endpoint?.capability.reveal() ?? ''}` };
    const transport = new StreamableHTTPClientTransport(new URL(endpoint?.url ?? ''), {
      requestInit: { headers },
      reconnectionOptions: {
        initialReconnectionDelay: 10,
        maxReconnectionDelay: 10,
        reconnectionDelayGrowFactor: 1,
        maxRetries: 3,
      },
    });
    await client.connect(transport);
    return transport;
  }

  const call = async (name: string, args: Record<string, unknown> = {}) => {
    const { content } = await client.callTool({ name, arguments: args });
    return content.map((part) => (part.type === 'text' ? part.text : part.type)).join('');
  };

  /** What both wires have. */
  async function usesEverything(): Promise<void> {
    assert.ok((await client.listTools()).tools.length >= 4);
    assert.equal(await call('echo', { text: 'ä✎' }), 'ä✎');
    assert.equal((await client.listResources()).resources[0]?.uri, 'notes://fixed');
    assert.equal((await client.listResourceTemplates()).resourceTemplates[0]?.uriTemplate, 'notes://{name}');
    const { contents } = await client.readResource({ uri: 'notes://alpha' });
    assert.equal(contents[0] && 'text' in contents[0] && contents[0].text, 'The note alpha.');
    assert.equal((await client.listPrompts()).prompts[0]?.name, 'greet');
    const { messages } = await client.getPrompt({ name: 'greet', arguments: { whom: 'Ada' } });
    assert.deepEqual(messages[0]?.content, { type: 'text', text: 'Greet Ada.' });
    const { completion } = await client.complete({
      ref: { type: 'ref/prompt', name: 'greet' },
      argument: { name: 'whom', value: 'Al' },
    });
    assert.deepEqual(completion.values, ['Alan']);
    const steps: number[] = [];
    const counted = await client.callTool(
      { name: 'steps', arguments: {} },
      { onprogress: ({ progress }) => void steps.push(progress) },
    );
    assert.deepEqual(counted.content, [{ type: 'text', text: 'three steps' }]);
    assert.equal(steps[0], 1);
    await assert.rejects(call('echo', {}).then((text) => assert.fail(text)));
    const cancel = new AbortController();
    const hanging = client.callTool({ name: 'hang', arguments: {} }, { signal: cancel.signal });
    const hasArrived = () => rig.seen.some(({ body }) => body.includes('"hang"'));
    await settled(hasArrived);
    cancel.abort('enough');
    await assert.rejects(hanging);
  }

  describe('on the stateful wire', () => {
    let server: McpServer;
    let transport: WebStandardStreamableHTTPServerTransport | undefined;
    let streams: Set<ServerResponse>;

    beforeEach(() => {
      transport = undefined;
      streams = new Set();
      rig.handle = (req, res, body) => void serve(req, res, body);
    });

    async function serve(req: IncomingMessage, res: ServerResponse, body: string): Promise<void> {
      if (transport === undefined) {
        server = fullMcpServer();
        server.registerTool('ask', {}, async ({ mcpReq }) => {
          const sampled = await mcpReq.requestSampling({
            messages: [{ role: 'user', content: { type: 'text', text: 'hi' } }],
            maxTokens: 5,
          });
          const elicited = await mcpReq.elicitInput({
            message: 'Who?',
            requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
          });
          const { roots } = await server.server.listRoots();
          await mcpReq.log('info', 'asked');
          return said(JSON.stringify([sampled.content, elicited.content, roots]));
        });
        transport = new WebStandardStreamableHTTPServerTransport({
          sessionIdGenerator: randomUUID,
          eventStore: new EventMemory(),
          retryInterval: 10,
        });
        await server.connect(transport);
      }
      if (req.method === 'GET') streams.add(res);
      const parsedBody = body === '' ? {} : { parsedBody: JSON.parse(body) as unknown };
      await sendResponse(await transport.handleRequest(webRequest(req, 'http://localhost'), parsedBody), res);
    }

    it('do all that they can', async () => {
      const { terminateSession } = await connect('legacy').then((own) => ({
        terminateSession: () => own.terminateSession(),
      }));
      await usesEverything();
      await client.setLoggingLevel('debug');
      const asked = await call('ask');
      assert.match(asked, /answer to 1.*"name":"Ada".*file:\/\/\/work/);
      await settled(() => heard.includes('notifications/message'));
      await call('grow');
      await settled(() => heard.includes('notifications/tools/list_changed'));
      assert.ok(heard.includes('notifications/tools/list_changed'));
      await terminateSession();
      assert.equal(rig.seen.at(-1)?.method, 'DELETE');
      assert.ok(rig.tokens.asked.some((line) => line.startsWith('sessionClosed')));
    });

    it('take a stream up again where it broke off', async () => {
      await connect('legacy');
      await settled(() => streams.size === 1);
      await server.server.sendToolListChanged();
      await settled(() => heard.length === 1);
      for (const stream of streams) stream.destroy();
      await server.server.sendToolListChanged().catch(() => undefined);
      await settled(() => heard.length === 2);
      assert.equal(heard.length, 2, 'What was said meanwhile is not lost.');
      const resumed = rig.seen.filter(({ method, headers }) => method === 'GET' && headers['last-event-id']);
      assert.equal(resumed.length, 1);
    });
  });

  describe('on the stateless wire', () => {
    let handler: McpHttpHandler;

    beforeEach(() => {
      handler = createMcpHandler(() => fullMcpServer(), { legacy: 'reject', keepAliveMs: 0 });
      rig.handle = (req, res, body) => void serve(req, res, body);
    });
    afterEach(() => handler.close());

    async function serve(req: IncomingMessage, res: ServerResponse, body: string): Promise<void> {
      const plain = webRequest(req, 'http://localhost');
      const hasGone = new AbortController();
      res.once('close', () => hasGone.abort());
      const full = new Request(plain, { signal: hasGone.signal });
      const parsedBody = body === '' ? {} : { parsedBody: JSON.parse(body) as unknown };
      await sendResponse(await handler.fetch(full, parsedBody), res);
    }

    it('do all that they can', async () => {
      await connect({ pin: '2026-07-28' });
      await usesEverything();
      assert.ok(rig.seen.every(({ headers }) => headers['mcp-session-id'] === undefined));
      assert.ok(rig.seen.every(({ headers }) => headers['mcp-protocol-version'] === '2026-07-28'));
      assert.ok(rig.seen.some(({ headers }) => headers['mcp-method'] === 'tools/call'));
    });

    it('hear of changes in a subscription', async () => {
      await connect({ pin: '2026-07-28' });
      const subscription = await client.listen({
        toolsListChanged: true,
        resourceSubscriptions: ['notes://fixed'],
      });
      handler.notify.toolsChanged();
      handler.notify.resourceUpdated('notes://fixed');
      await settled(() => heard.length === 2);
      assert.deepEqual([...heard].sort(), [
        'notifications/resources/updated',
        'notifications/tools/list_changed',
      ]);
      await subscription.close();
    });
  });
});

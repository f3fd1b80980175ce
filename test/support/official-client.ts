import assert from 'node:assert/strict';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

/** Which wire is spoken: the stateful one, or the stateless one of a version. */
export type Wire = 'legacy' | { readonly pin: string };

/** Where a server is reached, and with which headers. */
interface Way {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The official client, with an answer to all that a server may ask it. */
export class OfficialClient {
  /** The notifications that it was told of, by method. */
  readonly heard: string[] = [];
  readonly client: Client;

  private constructor(
    wire: Wire,
    private readonly transport: StreamableHTTPClientTransport,
  ) {
    this.client = new Client(
      { name: 'test', version: '1' },
      {
        capabilities: { sampling: {}, elicitation: { form: {} }, roots: { listChanged: true } },
        versionNegotiation: { mode: wire },
      },
    );
    this.client.setRequestHandler('sampling/createMessage', ({ params }) => ({
      model: 'm',
      role: 'assistant',
      content: { type: 'text', text: `answer to ${JSON.stringify(params.messages.length)}` },
    }));
    this.client.setRequestHandler('elicitation/create', () => ({
      action: 'accept',
      content: { name: 'Ada' },
    }));
    this.client.setRequestHandler('roots/list', () => ({ roots: [{ uri: 'file:///work' }] }));
    for (const method of [
      'notifications/tools/list_changed',
      'notifications/message',
      'notifications/resources/updated',
    ] as const)
      this.client.setNotificationHandler(method, ({ method: name }) => void this.heard.push(name));
  }

  static async connect(wire: Wire, { url, headers = {} }: Way): Promise<OfficialClient> {
    const transport = new StreamableHTTPClientTransport(new URL(url), {
      requestInit: { headers },
      reconnectionOptions: {
        initialReconnectionDelay: 10,
        maxReconnectionDelay: 10,
        reconnectionDelayGrowFactor: 1,
        maxRetries: 3,
      },
    });
    const official = new OfficialClient(wire, transport);
    await official.client.connect(transport);
    return official;
  }

  /** @returns the texts of the result, joined */
  async call(name: string, args: Record<string, unknown> = {}): Promise<string> {
    const { content } = await this.client.callTool({ name, arguments: args });
    return content.map((part) => (part.type === 'text' ? part.text : part.type)).join('');
  }

  /**
   * Everything that both wires have, asked of the full server.
   * @param isHanging - resolves when the server has got the call that hangs, which is then given up
   */
  async useEverything(isHanging: () => Promise<unknown>): Promise<void> {
    const { client } = this;
    assert.ok((await client.listTools()).tools.length >= 4);
    assert.equal(await this.call('echo', { text: 'ä✎' }), 'ä✎');
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
    await assert.rejects(this.call('echo', {}).then((text) => assert.fail(text)));
    const cancel = new AbortController();
    const hanging = client.callTool({ name: 'hang', arguments: {} }, { signal: cancel.signal });
    await isHanging();
    cancel.abort('enough');
    await assert.rejects(hanging);
  }

  /** Tells the server that the session is over. */
  endSession(): Promise<void> {
    return this.transport.terminateSession();
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

import { createInterface } from 'node:readline';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

/**
 * An agent host's process, for tests. It knows one definition of an MCP server, as it was provided to the editor: its
 * first line of input, with URL and headers. It connects by that and nothing else, calls each tool that a further line
 * names, and tells the text of each result in a line.
 */
interface Definition {
  readonly url: string;
  readonly headers: Record<string, string>;
}

const say = (...words: readonly string[]) => process.stdout.write(`${words.join(' ')}\n`);
const client = new Client({ name: 'agent-host', version: '1.0.0' });

async function connect(line: string): Promise<void> {
  const { url, headers } = JSON.parse(line) as Definition;
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  const { tools } = await client.listTools();
  say('tools', ...tools.map(({ name }) => name).sort());
}

async function call(name: string): Promise<void> {
  const { content, isError } = await client.callTool({ name, arguments: {} });
  const text = content.map((part) => (part.type === 'text' ? part.text : part.type)).join('');
  say(isError === true ? 'isError' : 'result', JSON.stringify(text));
}

let isConnected = false;
for await (const line of createInterface({ input: process.stdin })) {
  const done = isConnected ? call(line) : connect(line);
  isConnected = true;
  await done.catch((error: unknown) => say('failed', JSON.stringify(String(error))));
}
await client.close();

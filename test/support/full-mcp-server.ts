import { completable, McpServer, ResourceTemplate, type ServerContext } from '@modelcontextprotocol/server';
import { z } from 'zod';

/** A server with everything that a client can ask of one, and that asks for everything itself. */
export function fullMcpServer(): McpServer {
  const server = new McpServer(
    { name: 'full', version: '1.0.0' },
    {
      capabilities: {
        logging: {},
        resources: { subscribe: true, listChanged: true },
        tools: { listChanged: true },
        prompts: { listChanged: true },
      },
    },
  );
  server.registerTool('echo', { ...unasked, inputSchema: z.object({ text: z.string() }) }, ({ text }) =>
    said(text),
  );
  server.registerTool('steps', unasked, async (ctx) => {
    for (const progress of [1, 2, 3]) await report(ctx, progress);
    return said('three steps');
  });
  server.registerTool('hang', {}, async ({ mcpReq: { signal } }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return said('aborted');
  });
  server.registerTool('grow', {}, () => {
    server.registerTool(`grown-${Date.now()}`, {}, () => said('grown'));
    return said('changed');
  });
  server.registerResource('fixed', 'notes://fixed', {}, (uri) => ({
    contents: [{ uri: uri.href, text: 'A fixed note.' }],
  }));
  server.registerResource(
    'any',
    new ResourceTemplate('notes://{name}', { list: undefined, complete: { name: () => ['alpha', 'beta'] } }),
    {},
    (uri, { name }) => ({ contents: [{ uri: uri.href, text: `The note ${String(name)}.` }] }),
  );
  server.registerPrompt(
    'greet',
    {
      argsSchema: z.object({
        whom: completable(z.string(), (start) => ['Ada', 'Alan'].filter((n) => n.startsWith(start))),
      }),
    },
    ({ whom }) => ({ messages: [{ role: 'user', content: { type: 'text', text: `Greet ${whom}.` } }] }),
  );
  return server;
}

/** The editor asks nobody before it runs such a tool. */
export const unasked = { annotations: { readOnlyHint: true, openWorldHint: false } };

export const said = (text: string) => ({ content: [{ type: 'text' as const, text }] });

async function report({ mcpReq }: ServerContext, progress: number): Promise<void> {
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken === undefined) return;
  await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 3 } });
}

/* eslint-disable @typescript-eslint/no-deprecated -- What is deprecated on the newest wire is still spoken on the others. */
import type { McpServer, ServerContext } from '@modelcontextprotocol/server';
import { fullMcpServer, said, unasked } from './full-mcp-server.js';

/** The full server, with tools that ask back during their calls: the editor's model, and its user. */
export function askingMcpServer(): McpServer {
  const server = fullMcpServer();
  server.registerTool('sample', unasked, async ({ mcpReq }: ServerContext) => {
    const { content } = await mcpReq.requestSampling({
      messages: [{ role: 'user', content: { type: 'text', text: 'Hello?' } }],
      maxTokens: 100,
    });
    return said(`The model: ${JSON.stringify(content)}`);
  });
  server.registerTool('elicit', unasked, async ({ mcpReq }: ServerContext) => {
    const { action, content } = await mcpReq.elicitInput({
      message: 'Which colour?',
      requestedSchema: {
        type: 'object',
        properties: { colour: { type: 'string', enum: ['red', 'green'] } },
        required: ['colour'],
      },
    });
    return said(`${action} ${JSON.stringify(content)}`);
  });
  return server;
}

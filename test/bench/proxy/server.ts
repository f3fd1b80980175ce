import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { takePart } from './party.js';
import { bigStream, firstOfStream, type Message } from './messages.js';

/**
 * The least that an MCP server can do for a call, so that what is measured is the way to it: it answers at once, and
 * neither counts nor checks anything but the token.
 */
const authorization = 'Bearer the-token-of-the-bench';

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.headers.authorization !== authorization) return void response.writeHead(401).end();
  if (request.method !== 'POST') return void response.writeHead(405).end();
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString()) as Message;
  if (id === undefined) return void response.writeHead(202).end();
  if (method === firstOfStream) {
    stream(response, id);
    return;
  }
  if (method === bigStream) {
    flood(response, Number(params?.['bytes']));
    return;
  }
  const result =
    method === 'initialize'
      ? {
          protocolVersion: '2025-06-18',
          capabilities: { tools: {} },
          serverInfo: { name: 'bench', version: '1' },
        }
      : { content: [{ type: 'text', text: 'done' }] };
  const session = method === 'initialize' ? { 'mcp-session-id': 'the-session-of-the-bench' } : {};
  response
    .writeHead(200, { 'content-type': 'application/json', ...session })
    .end(JSON.stringify({ jsonrpc: '2.0', id, result }));
}

function stream(response: ServerResponse, id: number | string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress' })}\n\n`);
  setImmediate(() => response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id, result: {} })}\n\n`));
}

function flood(response: ServerResponse, bytes: number): void {
  response.writeHead(200, { 'content-type': 'application/octet-stream' });
  const chunk = Buffer.alloc(65_536);
  let left = bytes;
  const pour = () => {
    while (left > 0) {
      const part = chunk.subarray(0, Math.min(left, chunk.length));
      left -= part.length;
      if (!response.write(part)) return void response.once('drain', pour);
    }
    response.end();
  };
  pour();
}

const server = createServer((request, response) => void answer(request, response));
// A caller that measures something else meanwhile keeps its connection.
server.keepAliveTimeout = 0;
server.listen(0, '127.0.0.1', () => {
  takePart({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, authorization });
});

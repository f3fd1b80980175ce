import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { takePart } from './party.js';

/** The limit of what one hop can do: one header is replaced, and both bodies are piped. */
const [upstream = '', authorization = ''] = process.argv.slice(2);
const url = new URL(upstream);
const agent = new Agent({ keepAlive: true });

const server = createServer((incoming, response) => {
  const headers = { ...incoming.headers, host: url.host, authorization };
  const outgoing = request(url, { method: incoming.method, headers, agent }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  outgoing.on('error', () => response.destroy());
  incoming.pipe(outgoing);
});
server.keepAliveTimeout = 0;
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  takePart({ url: `http://127.0.0.1:${port}/mcp`, authorization: 'Bearer of nothing' });
});

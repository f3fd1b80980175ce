import { McpRemote } from '../../bench/proxy/mcp-remote.js';
import type { Deed } from '../../support/deed.js';
import { fullMcpServer } from '../../support/full-mcp-server.js';
import { McpSessions } from '../../support/mcp-sessions.js';
import { sendResponse, webRequest } from '../../support/web-request.js';
import { tapped } from './official.js';

/** `mcp-remote`, which opens a session only to try it, and the official server of the stateful wire. */
export function mcpRemote(): Promise<readonly Deed[]> {
  const sessions = new McpSessions('full', 'sse', fullMcpServer);
  const server: Parameters<typeof tapped>[0] = {
    handle: async (req, res, body) => {
      const session = sessions.find(String(req.headers['mcp-session-id']));
      const transport = session?.transport ?? (await sessions.open('nobody'));
      const parsed = body === '' ? {} : { parsedBody: JSON.parse(body) as unknown };
      await sendResponse(await transport.handleRequest(webRequest(req, 'http://localhost'), parsed), res);
    },
  };
  return tapped(server, async ({ url }) => {
    const remote = await McpRemote.start({ url, authorization: '' });
    const call = (id: number, name: string, params: object = {}) =>
      remote.call({ id, method: 'tools/call', params: { name, arguments: {}, ...params } });
    await remote.call({ id: 1, method: 'tools/list' });
    await call(2, 'echo', { arguments: { text: 'ä✎' } });
    await call(3, 'steps', { _meta: { progressToken: 3 } });
    await call(4, 'grow');
    await remote.call({ id: 5, method: 'prompts/list' });
    await remote.stop();
  });
}

import { McpRemote } from '../../bench/proxy/mcp-remote.js';
import type { Deed } from '../../support/deed.js';
import { sessionsOf, tapped } from './tapped.js';

/** `mcp-remote`, which opens a session only to try it, and the official server of the stateful wire. */
export const mcpRemote = (): Promise<readonly Deed[]> =>
  tapped(sessionsOf(), async ({ url }) => {
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

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startEditor } from '../../host/editor.js';
import { until } from '../../host/until.js';
import { askingMcpServer } from '../../support/asking-mcp-server.js';
import type { Deed } from '../../support/deed.js';
import { sessionsOf, tapped } from './tapped.js';

/** As the editor names the server `full` of the folder that is open. */
const id = 'mcp.config.ws0.full';

/** The MCP client of a real VS Code, which reaches the server by the folder's own settings and without us. */
export const editor = (): Promise<readonly Deed[]> =>
  tapped(sessionsOf(askingMcpServer), async ({ url }) => {
    const window = await startEditor();
    try {
      const folder = join(window.home.workspaceDir, '.vscode');
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'mcp.json'), JSON.stringify({ servers: { full: { type: 'http', url } } }));
      const tool = (name: string) => `mcp_full_${name}`;
      await until('tool of the server', async () => {
        await window.executeCommand('workbench.mcp.startServer', id, {
          waitForLiveTools: true,
          autoTrustChanges: true,
        });
        return (await window.tools()).some(({ name }) => name === tool('echo'));
      });
      await window.invokeTool(tool('echo'), { text: 'ä✎' });
      await window.invokeTool(tool('steps'));
      const sampled = window.invokeTool(tool('sample'));
      await window.clickDialog('Allow in this Session');
      await sampled;
      const elicited = window.invokeTool(tool('elicit'));
      await window.clickNotification('Which colour?', 'Respond');
      await window.pickQuickPick('green');
      await elicited;
      await window.executeCommand('workbench.mcp.stopServer', id);
    } finally {
      await window.close();
    }
  });

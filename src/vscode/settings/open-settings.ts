import type { VSCode } from '../editor/api.js';

/**
 * Shows settings of ours.
 * @param place - the one to show, else the one that all of this is about; all of them when it is none of ours
 */
export async function openSettings(vs: VSCode, place = 'mcpCredentials.servers'): Promise<void> {
  const query = place.startsWith('mcpCredentials.') ? place : 'mcpCredentials';
  await vs.commands.executeCommand('workbench.action.openSettings', query);
}

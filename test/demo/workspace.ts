import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Home } from '../host/server.js';
import type { DemoServers } from './demo-servers.js';

/** A new user's editor, but for what would talk over the guide or over the network. */
const settings = {
  // Opens the guide.
  'workbench.startupEditor': 'readme',
  'workbench.tips.enabled': false,
  'workbench.enableExperiments': false,
  'workbench.welcomePage.walkthroughs.openOnInstall': false,
  'security.workspace.trust.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'extensions.autoUpdate': false,
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'remote.autoForwardPorts': false,
  'git.enabled': false,
};

/** Writes the user settings, which name the MCP servers, and the workspace, whose README is the guide. */
export async function prepareWorkspace(
  { userDataDir, workspaceDir }: Home,
  { mcpServers, controlPageUrl }: DemoServers,
): Promise<void> {
  const servers = Object.fromEntries(mcpServers.map(({ name, url }) => [name, { type: 'http', url }]));
  const userDir = join(userDataDir, 'User');
  const guide = await readFile(join(import.meta.dirname, 'guide.md'), 'utf8');
  await mkdir(userDir, { recursive: true });
  await mkdir(workspaceDir, { recursive: true });
  await writeFile(
    join(userDir, 'settings.json'),
    `${JSON.stringify({ ...settings, 'mcpCredentials.servers': servers }, undefined, 2)}\n`,
  );
  await writeFile(join(workspaceDir, 'README.md'), guide.replaceAll('{{controlPageUrl}}', controlPageUrl));
}

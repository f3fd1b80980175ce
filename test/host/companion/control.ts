import { randomBytes } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import * as vscode from 'vscode';
import { advanceClock, letTimePass } from './clock.js';
import type { ControlMethods, Endpoint } from './protocol.js';
import { heartbeats } from './heartbeats.js';
import { textOf } from './model.js';

type Methods = { [Name in keyof ControlMethods]: (params: ControlMethods[Name]['params']) => unknown };

const methods: Methods = {
  tools: () =>
    vscode.lm.tools.map(({ name, description, inputSchema }) => ({ name, description, inputSchema })),

  invokeTool: async ({ name, input }) => {
    const result = await vscode.lm.invokeTool(name, { input, toolInvocationToken: undefined });
    return textOf(result.content);
  },

  executeCommand: ({ command, args }) => vscode.commands.executeCommand(command, ...args),

  startServer: ({ id }) =>
    vscode.commands.executeCommand('workbench.mcp.startServer', id, { waitForLiveTools: true }),

  stopServer: ({ id }) => vscode.commands.executeCommand('workbench.mcp.stopServer', id),

  updateSetting: ({ name, value, target }) =>
    vscode.workspace
      .getConfiguration()
      .update(
        name,
        value,
        target === 'workspace' ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global,
      ),

  advanceClock: ({ byMs }) => advanceClock(byMs),

  letTimePass: ({ byMs }) => letTimePass(byMs),

  heartbeats,

  windowState: () => ({
    version: vscode.version,
    focused: vscode.window.state.focused,
    trusted: vscode.workspace.isTrusted,
    folders: (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath),
    extensionHostPid: process.pid,
    extensions: Object.fromEntries(
      vscode.extensions.all.map(({ id, isActive }) => [id, isActive ? 'active' : 'installed']),
    ),
  }),
};

/**
 * Answers `POST /<method>` on a loopback port that the system picks. Port and a random token, without which
 * nothing is answered, are written to `file`, which only this user can read. Each activation, and so each
 * window and each reload, writes a new pair.
 */
export async function startControlServer(file: string): Promise<vscode.Disposable> {
  const token = randomBytes(32).toString('base64url');
  const server = createServer((request, response) => void handle(request, response, token));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The control server has no port.');
  const endpoint: Endpoint = { port: address.port, token };
  // Written aside and renamed, so that a reader never sees half a file.
  await writeFile(`${file}.${token}`, JSON.stringify(endpoint), { mode: 0o600 });
  await rename(`${file}.${token}`, file);
  return new vscode.Disposable(() => {
    server.closeAllConnections();
    server.close();
  });
}

async function handle(request: IncomingMessage, response: ServerResponse, token: string): Promise<void> {
  if (request.method !== 'POST' || request.headers.authorization !== `Bearer ${token}`) {
    response.writeHead(404).end();
    return;
  }
  const reply = (status: number, body: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const name = (request.url ?? '/').slice(1);
  const method = Object.entries(methods).find(([known]) => known === name)?.[1] as
    ((params: unknown) => unknown) | undefined;
  if (method === undefined) {
    reply(404, { error: `There is no method ${JSON.stringify(name)}.` });
    return;
  }
  try {
    reply(200, { result: await method(await json(request)) });
  } catch (error) {
    reply(500, { error: error instanceof Error ? error.message : String(error) });
  }
}

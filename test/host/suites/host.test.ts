import assert from 'node:assert/strict';
import * as vscode from 'vscode';

const extensionId = 'mcp-credential-broker.mcp-credential-broker';

describe('in the extension host', () => {
  const broker = vscode.extensions.getExtension(extensionId);

  before(function () {
    if (broker === undefined) throw new Error(`${extensionId} is not installed.`);
  });

  it('runs in a VS Code at least as new as the manifest asks for', () => {
    const { engines } = broker?.packageJSON as { engines: { vscode: string } };
    const minorOf = (version: string) => Number(/(\d+)\.(\d+)/.exec(version)?.[2]);
    assert.ok(minorOf(vscode.version) >= minorOf(engines.vscode), `${vscode.version} for ${engines.vscode}`);
  });

  it('activates the broker', async () => {
    await broker?.activate();
    assert.equal(broker?.isActive, true);
  });

  it('has every command of the manifest', async () => {
    const { contributes } = broker?.packageJSON as { contributes: { commands: { command: string }[] } };
    const known = await vscode.commands.getCommands(true);
    for (const { command } of contributes.commands) assert.ok(known.includes(command), command);
  });
});

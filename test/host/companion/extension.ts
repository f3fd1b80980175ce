import * as vscode from 'vscode';
import { watchTimers } from './clock.js';
import { startControlServer } from './control.js';
import { scriptedModel, vendor } from './model.js';
import { answer } from './participant.js';

/** Lets somebody without any account use MCP servers in the chat, and a test use the editor from outside. */
export async function activate(context: vscode.ExtensionContext): Promise<void> {
  watchTimers();
  context.subscriptions.push(
    vscode.lm.registerLanguageModelChatProvider(vendor, scriptedModel),
    vscode.chat.createChatParticipant('mcp-credential-broker-companion.demo', answer),
  );
  // Nobody asks a provider for its models before they are needed, and a chat needs one that is already chosen.
  await vscode.lm.selectChatModels({ vendor });
  const controlFile = process.env['MCP_COMPANION_CONTROL_FILE'];
  if (controlFile !== undefined) context.subscriptions.push(await startControlServer(controlFile));
}

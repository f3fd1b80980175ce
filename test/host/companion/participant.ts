import * as vscode from 'vscode';
import { textOf, vendor } from './model.js';

/** A model that asks for more rounds than this goes in circles. */
const roundLimit = 5;

/**
 * The agent behind `@demo`: the same loop as any agent of the editor. The model sees the tools of all MCP
 * servers, each tool it asks for is invoked on behalf of the chat, and its result goes back to the model.
 * What goes wrong is shown in the chat as text.
 */
export const answer: vscode.ChatRequestHandler = async (request, _context, stream, token) => {
  const model = await modelFor(request);
  if (model === undefined) {
    stream.markdown('The scripted model is not available.');
    return;
  }
  const messages = [vscode.LanguageModelChatMessage.User(request.prompt)];
  for (let round = 0; round < roundLimit; round++) {
    const tools = vscode.lm.tools.filter(({ name }) => name.startsWith('mcp_'));
    const response = await model.sendRequest(messages, { tools: [...tools] }, token);
    const calls: vscode.LanguageModelToolCallPart[] = [];
    for await (const part of response.stream) {
      if (part instanceof vscode.LanguageModelTextPart) stream.markdown(part.value);
      if (part instanceof vscode.LanguageModelToolCallPart) calls.push(part);
    }
    if (calls.length === 0) return;
    messages.push(vscode.LanguageModelChatMessage.Assistant(calls));
    messages.push(
      vscode.LanguageModelChatMessage.User(
        await Promise.all(calls.map((call) => resultOf(call, request.toolInvocationToken, token))),
      ),
    );
  }
  stream.markdown('The model kept asking for tools, so the turn was ended.');
};

async function resultOf(
  call: vscode.LanguageModelToolCallPart,
  toolInvocationToken: vscode.ChatParticipantToolToken,
  token: vscode.CancellationToken,
): Promise<vscode.LanguageModelToolResultPart> {
  try {
    const result = await vscode.lm.invokeTool(call.name, { input: call.input, toolInvocationToken }, token);
    return new vscode.LanguageModelToolResultPart(call.callId, [
      new vscode.LanguageModelTextPart(textOf(result.content)),
    ]);
  } catch (error) {
    // An agent tells its model about the failure, so that the model can tell the user.
    const message = error instanceof Error ? error.message : String(error);
    return new vscode.LanguageModelToolResultPart(call.callId, [
      new vscode.LanguageModelTextPart(`The tool could not be used: ${message}`),
    ]);
  }
}

/** The model chosen in the chat view when it is ours; a fresh profile may have chosen another one. */
async function modelFor(request: vscode.ChatRequest): Promise<vscode.LanguageModelChat | undefined> {
  if (request.model.vendor === vendor) return request.model;
  return (await vscode.lm.selectChatModels({ vendor }))[0];
}

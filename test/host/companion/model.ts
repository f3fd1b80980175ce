import * as vscode from 'vscode';

/** The vendor under which the editor lists the scripted model, as the companion's manifest declares it. */
export const vendor = 'mcp-demo';

/**
 * A language model without a network, account or chance. It reads the last message of a conversation:
 * a question is answered by calling the tool it names, a tool's result by repeating its text.
 */
export const scriptedModel: vscode.LanguageModelChatProvider = {
  provideLanguageModelChatInformation: () => [
    {
      id: 'scripted',
      name: 'Scripted Demo Model',
      family: 'scripted',
      version: '1',
      maxInputTokens: 100_000,
      maxOutputTokens: 10_000,
      capabilities: { toolCalling: true },
    },
  ],

  provideLanguageModelChatResponse: (_model, messages, options, progress) => {
    const parts = messages.at(-1)?.content ?? [];
    const results = parts.filter((part) => part instanceof vscode.LanguageModelToolResultPart);
    if (results.length > 0) {
      progress.report(new vscode.LanguageModelTextPart(results.map((r) => textOf(r.content)).join('\n')));
      return Promise.resolve();
    }
    const question = textOf(parts);
    const tools = options.tools ?? [];
    const tool = toolFor(question, tools);
    progress.report(
      tool === undefined
        ? new vscode.LanguageModelTextPart(noTool(tools))
        : new vscode.LanguageModelToolCallPart(crypto.randomUUID(), tool.name, inputIn(question)),
    );
    return Promise.resolve();
  },

  provideTokenCount: (_model, text) =>
    Promise.resolve(Math.ceil((typeof text === 'string' ? text : textOf(text.content)).length / 4)),
};

/** The text among the parts of a message or of a tool's result. */
export const textOf = (parts: readonly unknown[]): string =>
  parts
    .filter((part) => part instanceof vscode.LanguageModelTextPart)
    .map((part) => part.value)
    .join('');

/**
 * The tool that a question names. Tools of MCP servers are called `mcp_<server>_<tool>`; the last word of
 * that name must occur in the question, as one word or written apart ("who am I" names `whoami`), and the
 * other words decide between several servers.
 */
function toolFor<Tool extends { readonly name: string }>(
  question: string,
  tools: readonly Tool[],
): Tool | undefined {
  const asked = phrases(question.replace(/\{.*\}/s, ''));
  const score = ({ name }: Tool) => {
    const words = wordsOf(name);
    return asked.has(words.at(-1) ?? '') ? words.filter((word) => asked.has(word)).length : 0;
  };
  return tools.filter((tool) => score(tool) > 0).sort((a, b) => score(b) - score(a))[0];
}

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[a-z0-9]+/g) ?? [];

/** Every run of one to three words, written together. */
function phrases(text: string): ReadonlySet<string> {
  const words = wordsOf(text);
  return new Set(words.flatMap((_, at) => [1, 2, 3].map((length) => words.slice(at, at + length).join(''))));
}

/** A JSON object in the question is the tool's input. */
function inputIn(question: string): object {
  const written = /\{.*\}/s.exec(question)?.[0];
  if (written === undefined) return {};
  const input: unknown = JSON.parse(written);
  return typeof input === 'object' && input !== null ? input : {};
}

const noTool = (tools: readonly { readonly name: string }[]): string =>
  tools.length === 0
    ? 'No MCP server offers a tool yet.'
    : `None of the tools fits the question. Name one of them: ${tools.map(({ name }) => `\`${name}\``).join(', ')}.`;

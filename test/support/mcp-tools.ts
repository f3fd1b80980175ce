import { setTimeout as wait } from 'node:timers/promises';
import { type CallToolResult, McpServer, type ServerContext } from '@modelcontextprotocol/server';
import { z } from 'zod';

/** A text that somebody left with the `note` tool. */
export interface Note {
  readonly subject: string;
  readonly text: string;
}

/** An MCP server with one tool for each thing a journey asks about. */
export function buildMcpServer(name: string, notes: Note[]): McpServer {
  const server = new McpServer({ name, version: '1.0.0' }, { capabilities: { logging: {} } });

  server.registerTool(
    'whoami',
    {
      title: 'Who Am I',
      description: `Tells for whom ${name} was called.`,
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    (ctx) => text(`${caller(ctx, 'email')} (${caller(ctx, 'name')})`),
  );

  server.registerTool(
    'count',
    {
      title: 'Count Slowly',
      description: `Counts to a number on ${name}, and says each one as it goes.`,
      inputSchema: z.object({
        steps: z.number().int().min(1).max(100).default(5),
        intervalMs: z.number().int().min(0).max(60_000).default(500),
      }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    async ({ steps, intervalMs }, ctx) => {
      for (let step = 1; step <= steps; step++) {
        await wait(intervalMs, undefined, { signal: ctx.mcpReq.signal });
        await reportStep(ctx, step, steps);
      }
      return text(`Counted to ${steps}.`);
    },
  );

  server.registerTool(
    'note',
    {
      title: 'Leave a Note',
      description: `Stores a text on ${name} and gives it back.`,
      inputSchema: z.object({ text: z.string() }),
      annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: false },
    },
    (note, ctx) => {
      notes.push({ subject: caller(ctx, 'subject'), text: note.text });
      return text(note.text);
    },
  );

  server.registerTool(
    'fail',
    {
      title: 'Fail',
      description: `Fails on ${name}, always.`,
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    () => ({ ...text('This tool always fails.'), isError: true }),
  );

  return server;
}

/** Each notification carries the time it was sent, so that a test can tell a stream from a delayed bundle. */
async function reportStep({ mcpReq }: ServerContext, step: number, steps: number): Promise<void> {
  const sentAtMs = Date.now();
  await mcpReq.notify({
    method: 'notifications/message',
    params: { level: 'info', logger: 'count', data: { step, steps, sentAtMs } },
  });
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken === undefined) return;
  await mcpReq.notify({
    method: 'notifications/progress',
    params: { progressToken, progress: step, total: steps, message: `Step ${step}, sent at ${sentAtMs}` },
  });
}

const text = (value: string): CallToolResult => ({ content: [{ type: 'text', text: value }] });

function caller({ http }: ServerContext, property: 'subject' | 'name' | 'email'): string {
  const value = http?.authInfo?.extra?.[property];
  return typeof value === 'string' ? value : 'nobody';
}

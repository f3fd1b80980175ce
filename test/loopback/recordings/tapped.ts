import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Deed } from '../../support/deed.js';
import { fullMcpServer } from '../../support/full-mcp-server.js';
import { listen, readBody } from '../../support/listener.js';
import { McpSessions } from '../../support/mcp-sessions.js';
import { settled } from '../../support/proxy-rig.js';
import { sendResponse, webRequest } from '../../support/web-request.js';
import { Tap } from './tap.js';

interface Server {
  handle(req: IncomingMessage, res: ServerResponse, body: string): Promise<void>;
}

/** Runs `talk` with a tap in front of `server`. @returns what was said through the tap */
export async function tapped(server: Server, talk: (tap: Tap) => Promise<void>): Promise<readonly Deed[]> {
  const listener = await listen('127.0.0.1');
  listener.serve(async (req, res) => server.handle(req, res, await readBody(req)));
  const tap = await Tap.start(listener.origin);
  try {
    await talk(tap);
    // Those who are still there leave last.
    await settled(() => tap.isQuiet);
    return [...tap.deeds];
  } finally {
    await tap.close();
    await listener.close();
  }
}

/** The official server of the stateful wire, for clients that open more than one session. */
export function sessionsOf(build = fullMcpServer): Server {
  const sessions = new McpSessions('full', 'sse', build);
  return {
    async handle(req, res, body) {
      const session = sessions.find(String(req.headers['mcp-session-id']));
      const transport = session?.transport ?? (await sessions.open('nobody'));
      const parsed = body === '' ? {} : { parsedBody: JSON.parse(body) as unknown };
      await sendResponse(await transport.handleRequest(webRequest(req, 'http://localhost'), parsed), res);
    },
  };
}

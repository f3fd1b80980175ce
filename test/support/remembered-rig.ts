import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sameAccount, type Account } from '../../src/core/account.js';
import { BrokerError } from '../../src/core/errors.js';
import type { SaidBefore, ServerMemory } from '../../src/core/server-memory.js';
import type { ProxyParts } from '../../src/loopback/mcp-proxy.js';
import { ProxyRig, settled, type Answer } from './proxy-rig.js';

export const nobody = new BrokerError('sign_in_required', 'Nobody.');
export const accept = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };
export const rpc = (id: unknown, method: string, params: object = {}) => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
});
export const initialize = rpc(0, 'initialize', {
  protocolVersion: '2025-11-25',
  capabilities: { sampling: {} },
  clientInfo: { name: 'editor', version: '9' },
});
export const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' };

export const bob: Account = { issuer: 'https://as.example.com', subject: 'u-2', label: 'bob@example.com' };

export const resultOf = ({ text }: Answer) =>
  (JSON.parse(text) as { result: Record<string, unknown> }).result;

export class MemoryOnTable implements ServerMemory {
  kept: SaidBefore = {};
  owner: Account | undefined;
  writes = 0;
  recall(_server: unknown, _url: string, account: Account | undefined): Promise<SaidBefore> {
    const isTheirs = this.owner === undefined || account === undefined || sameAccount(account, this.owner);
    return Promise.resolve(isTheirs ? this.kept : {});
  }
  reduce(_server: unknown, stays: (name: string) => boolean): Promise<void> {
    this.kept = Object.fromEntries(Object.entries(this.kept).filter(([name]) => stays(name)));
    return Promise.resolve();
  }
  keep(_server: unknown, _url: string, account: Account, said: SaidBefore): Promise<void> {
    [this.kept, this.owner] = [said, account];
    this.writes++;
    return Promise.resolve();
  }
}

/** The proxy before a server that said before what it offers. */
export class RememberedRig extends ProxyRig {
  memory!: MemoryOnTable;
  tools!: object[];
  capabilities!: object;
  isStreaming = false;
  signIn!: () => void;

  override async open(parts: Partial<ProxyParts> = {}): Promise<void> {
    this.memory = new MemoryOnTable();
    [this.tools, this.capabilities, this.isStreaming] = [
      [{ name: 'a' }, { name: 'b' }, { name: 'c' }],
      { tools: {} },
      false,
    ];
    await super.open({ serverMemory: this.memory, ...parts });
    this.handle = (...request) => this.serve(...request);
  }

  /** An MCP server of the stateful wire, with pages of two tools. */
  serve(req: IncomingMessage, res: ServerResponse, body: string): void {
    if (req.method === 'GET') {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"hello":1}\n\n');
      return;
    }
    const {
      id,
      method,
      params = {},
    } = JSON.parse(body || '{}') as {
      id?: unknown;
      method?: string;
      params?: { cursor?: string };
    };
    const answer = (result: object, headers: Record<string, string> = {}) => {
      const json = JSON.stringify({ jsonrpc: '2.0', id, result });
      if (this.isStreaming)
        res
          .writeHead(200, { ...headers, 'content-type': 'text/event-stream' })
          .end(`: hi\r\n\r\nevent: message\r\ndata: ${json}\r\n\r\n`);
      else res.writeHead(200, { ...headers, 'content-type': 'application/json' }).end(json);
    };
    if (method === 'initialize')
      answer(
        {
          protocolVersion: '2025-11-25',
          capabilities: this.capabilities,
          serverInfo: { name: 's', version: '1' },
        },
        { 'mcp-session-id': 'up-1' },
      );
    else if (req.headers['mcp-session-id'] !== 'up-1') res.writeHead(404).end();
    else if (id === undefined) res.writeHead(202).end();
    else if (method === 'tools/list') {
      const from = Number(params.cursor ?? 0);
      const more = from + 2 < this.tools.length ? { nextCursor: String(from + 2) } : {};
      answer({ tools: this.tools.slice(from, from + 2), ...more });
    } else answer({ done: method }, { 'mcp-session-id': 'up-1' });
  }

  /** Says all of it once, while somebody is signed in. */
  async learn(beginnings = 1): Promise<void> {
    await this.send(initialize, accept);
    const inSession = { ...accept, 'mcp-session-id': 'up-1' };
    for (let cursor: unknown = ''; cursor !== undefined;) {
      const { text } = await this.send(rpc(1, 'tools/list', cursor === '' ? {} : { cursor }), inSession);
      const data = /^data: (.*)$/m.exec(text)?.[1] ?? text;
      cursor = (JSON.parse(data) as { result: { nextCursor?: string } }).result.nextCursor;
    }
    await settled(
      () => Object.keys(this.memory.kept).length === beginnings + Math.ceil(this.tools.length / 2),
    );
    // Whoever signs in later may be somebody else, and the server gives the same name again.
    this.tokens.forgetSessions();
    this.tokens.asked.length = 0;
    this.seen.length = 0;
  }

  signOut(): void {
    this.signIn = this.tokens.signOut(nobody);
  }

  /** A session that begins while nobody is signed in. @returns the headers of its requests */
  async beginLocally(): Promise<Record<string, string>> {
    const { headers } = await this.send(initialize, accept);
    const session = String(headers['mcp-session-id']);
    const inSession = { ...accept, 'mcp-session-id': session };
    assert.equal((await this.send(initialized, inSession)).status, 202);
    return inSession;
  }

  /** Until somebody is waited for, for the `times`th time. */
  async waitsForUser(times = 1): Promise<void> {
    const count = () => this.tokens.asked.filter((line) => line.startsWith('signedIn')).length;
    await settled(() => count() >= times);
    assert.ok(count() >= times);
  }
}

/** Gives each test of the surrounding `describe` such a proxy. */
export function useRemembered(): RememberedRig {
  const rig = new RememberedRig();
  beforeEach(() => rig.open());
  afterEach(() => rig.close());
  return rig;
}

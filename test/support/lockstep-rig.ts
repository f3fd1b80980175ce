import assert from 'node:assert/strict';
import type { Deed, HeaderLines } from './deed.js';
import { byName, Lockstep, type Sight, type Target } from './lockstep.js';
import { ProxyRig } from './proxy-rig.js';
import { TokensOnTable } from './tokens-on-table.js';

/** A conversation in lockstep, directly and through the proxy. */
export class LockstepRig {
  readonly #rig = new ProxyRig();
  readonly #lockstep = new Lockstep();
  /** How much of a request the proxy reads before it asks the server. */
  replayLimitBytes = 1_048_576;

  async open(): Promise<void> {
    await this.#lockstep.open();
    const tokens = new TokensOnTable(() => this.#lockstep.url);
    await this.#rig.open({ tokens, replayLimitBytes: () => this.replayLimitBytes });
    this.#rig.proxy.setServers([{ id: this.#rig.id, url: this.#lockstep.url, auth: {} }]);
  }

  async close(): Promise<void> {
    await this.#rig.close();
    await this.#lockstep.close();
  }

  /** @returns what both sides see when the caller reaches the server with a token of its own */
  directly(deeds: readonly Deed[]): Promise<readonly Sight[]> {
    return this.#play(deeds, { url: this.#lockstep.url, authorization: 'Bearer token-1' });
  }

  /** @returns what both sides see when the proxy is in between */
  through(deeds: readonly Deed[]): Promise<readonly Sight[]> {
    const { url, capability } = this.#rig.proxy.endpoint(this.#rig.id) ?? assert.fail();
    return this.#play(deeds, { url, authorization: `Bearer ${capability.reveal()}` });
  }

  #play(deeds: readonly Deed[], target: Target): Promise<readonly Sight[]> {
    // What is not kept for a replay goes on while it comes.
    return this.#lockstep.play(deeds, target, { isEager: this.replayLimitBytes === 0 });
  }
}

/** Whether it may be for a stream of the older transport, which is read on its way, so that it cannot be packed. */
export const mayBeLegacy = (deed: Deed): boolean =>
  deed.does === 'ask' &&
  deed.method === 'GET' &&
  !deed.headers.some((name) => /^mcp-session-id$/i.test(name));

/** Which version each session speaks, as its server said at its beginning. */
function versionsIn(deeds: readonly Deed[]): ReadonlyMap<string, string> {
  const versions = new Map<string, string>();
  for (const deed of deeds) {
    if (deed.does !== 'answer') continue;
    const session = valueOf('mcp-session-id', deed.headers);
    const said = deeds.flatMap((one) => (one.does === 'say' && one.call === deed.call ? [one.piece] : []));
    const [, version] = /"protocolVersion":"([^"]+)"/.exec(Buffer.concat(said).toString()) ?? [];
    if (session !== undefined && version !== undefined) versions.set(session, version);
  }
  return versions;
}

function valueOf(name: string, lines: HeaderLines): string | undefined {
  const at = lines.findIndex((line, index) => index % 2 === 0 && line.toLowerCase() === name);
  return at < 0 ? undefined : lines[at + 1];
}

/**
 * What is to be seen through the proxy, when this is seen of `deeds` without it: the same, but that a server is not
 * asked to pack what is read on its way, and is told which version of MCP a session speaks where a client does not say;
 * and that a client hears of no session but its own, after it has begun.
 */
export function passed(sights: readonly Sight[], deeds: readonly Deed[]): readonly Sight[] {
  const isRead = new Set(deeds.filter(mayBeLegacy).map(({ call }) => call));
  const versions = versionsIn(deeds);
  return sights.map((sight) => {
    if (sight.sees === 'answer') return { ...sight, headers: inOwnSession(sight, deeds) };
    if (sight.sees !== 'request') return sight;
    const { headers = [], call } = sight;
    const lines = headers.filter(([name]) => name !== 'accept-encoding' || !isRead.has(call));
    const version = versions.get(valueOf('mcp-session-id', headers.flat()) ?? '');
    const isSaid = version === undefined || valueOf('mcp-protocol-version', headers.flat()) !== undefined;
    return { ...sight, headers: byName(isSaid ? lines : [...lines, ['mcp-protocol-version', version]]) };
  });
}

/** The headers of the answer that `sight` is, in the session of the call. */
function inOwnSession({ call, headers = [] }: Sight, deeds: readonly Deed[]): NonNullable<Sight['headers']> {
  const isSession = (name: string | undefined) => name?.toLowerCase() === 'mcp-session-id';
  const named = headers.filter(([name]) => isSession(name)).map(([, value]) => value);
  const asked = deeds.flatMap((deed) => (deed.does === 'ask' && deed.call === call ? [deed] : []));
  const session = valueOf(
    'mcp-session-id',
    asked.flatMap((deed) => deed.headers),
  );
  const isBeginning = Buffer.concat(asked.flatMap(({ pieces }) => pieces)).includes('"initialize"');
  if (isBeginning || named.length === 0 || named.join(', ') === session) return headers;
  const others = headers.filter(([name]) => !isSession(name));
  return session === undefined ? others : byName([...others, ['mcp-session-id', session]]);
}

import type { Client } from '../../core/client.js';
import type { Grant as RepeatableGrant } from '../../core/grant.js';
import { BrokerError } from '../../core/errors.js';
import type { Clock, Fetch, OpenBrowser, ShowCode } from '../../core/ports.js';
import type { Secret } from '../../core/secret.js';
import { pause } from '../../core/waiting.js';
import type { AuthorizationServer } from '../../oauth/authorization-server.js';
import { redeemDeviceCode, requestDeviceCode, type DeviceCode } from '../../oauth/device-code.js';
import type { GrantedTokens } from '../../oauth/token-answer.js';

export interface CodeParts {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly openBrowser: OpenBrowser;
  readonly showCode: ShowCode;
}

export interface CodeWish {
  /** The label of the MCP server, to be shown. */
  readonly server: string;
  readonly resource: string;
  readonly scopes?: readonly string[];
  /** What the tokens are to be bound to. */
  readonly dpopKey?: Secret;
}

/** What was granted, and which scopes had been asked for. */
export interface Grant {
  readonly tokens: GrantedTokens;
  readonly scopes: readonly string[];
  /** How it came about, where that can be repeated without the user. */
  readonly grant?: RepeatableGrant;
}

/**
 * Lets the user sign in in any browser, on any device, by a code that they enter there; asks until they have.
 * @throws BrokerError as `requestDeviceCode` and `redeemDeviceCode`; `sign_in_timeout`; or the signal's reason
 */
export async function authorizeByCode(
  parts: CodeParts,
  server: AuthorizationServer,
  client: Client,
  wish: CodeWish,
  signal: AbortSignal,
): Promise<Grant> {
  const code = await requestDeviceCode(parts.fetch, server, client, wish, signal);
  const shown = new AbortController();
  const open = () => parts.openBrowser(code.page, server.issuer);
  const prompt = { server: wish.server, code: code.userCode, page: code.page, issuer: server.issuer, open };
  parts.showCode(prompt, AbortSignal.any([signal, shown.signal]));
  try {
    return { tokens: await poll(parts, code, wish.dpopKey, signal), scopes: code.scopes };
  } finally {
    shown.abort();
  }
}

async function poll(
  { fetch, clock }: CodeParts,
  code: DeviceCode,
  dpopKey: Secret | undefined,
  signal: AbortSignal,
): Promise<GrantedTokens> {
  const endsAtMs = clock.nowMs() + code.lifetimeMs;
  for (let { intervalMs } = code; ;) {
    await pause(clock, intervalMs, signal);
    if (clock.nowMs() >= endsAtMs) throw new BrokerError('sign_in_timeout', 'The device code has expired.');
    const answer = await redeemDeviceCode(fetch, code, clock.nowMs(), signal, dpopKey);
    if (answer.kind === 'granted') return answer.tokens;
    intervalMs += answer.longerByMs;
  }
}

import { isLoopback } from '../../core/address.js';
import type { Client } from '../../core/client.js';

/** What a client is wanted for. */
export interface RegistrationUse {
  /** Where the browser comes back; undefined where none does. */
  readonly redirectUri: string | undefined;
  readonly scopes: readonly string[];
  readonly nowMs: number;
}

/**
 * Whether `client` serves for `use` at an authorization server that holds it to its registration: to the port of its
 * redirect URI and to its scopes. What somebody has registered by hand is theirs to say; a client that registers itself
 * does so anew, which costs the user nothing, while an authorization server that is strict leaves them at an error page.
 * @see RFC 7591 §2 and §3.2.1; OAuth 2.1 §4.1.3, which lets loopback ports alone differ, and few servers do
 */
export function serves(client: Client, use: RegistrationUse): boolean {
  const { source, redirectUri: registered, scopes: own } = client;
  if (source !== 'dynamic') return true;
  const isPlace = use.redirectUri === undefined || use.redirectUri === registered;
  return (
    isPlace && use.scopes.every((scope) => own?.includes(scope) !== false) && hasLivingSecret(client, use)
  );
}

/**
 * Whether `client` may serve for `use` all the same, where no better one can be had: at another port of this computer,
 * and for scopes that it has not registered.
 * @see RFC 8252 §7.3
 */
export function mayServe(client: Client, use: RegistrationUse): boolean {
  const { source, redirectUri: registered } = client;
  if (source !== 'dynamic') return true;
  const isPlace = use.redirectUri === undefined || isNear(registered, use.redirectUri);
  return isPlace && hasLivingSecret(client, use);
}

/** Whether both come back to this computer, and only to other ports. */
export const isAtAnotherPort = (one: Client, other: Client): boolean =>
  other.redirectUri !== undefined &&
  one.redirectUri !== other.redirectUri &&
  isNear(one.redirectUri, other.redirectUri);

const hasLivingSecret = ({ secretEndsAtMs }: Client, { nowMs }: RegistrationUse): boolean =>
  secretEndsAtMs === undefined || nowMs < secretEndsAtMs;

function isNear(registered: string | undefined, redirectUri: string): boolean {
  if (registered === undefined || registered === redirectUri) return registered !== undefined;
  const [before, now] = [new URL(registered), new URL(redirectUri)];
  const isHere = [before, now].every((url) => url.protocol === 'http:' && isLoopback(url));
  return isHere && (['hostname', 'pathname', 'search'] as const).every((part) => before[part] === now[part]);
}

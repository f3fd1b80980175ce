import { parseAddress } from '../core/address.js';
import type { FoundContent, UnusableReason } from '../core/importing.js';
import { parseObject, scopesOf, secretOf, textOf } from './json-members.js';

/** Not somebody's credentials, although they lie among them. */
const others = ['oauth_states.json'];

/** Whether a file in a folder of google_workspace_mcp is meant to hold somebody's credentials. */
export const isWorkspaceFile = (fileName: string): boolean =>
  fileName.endsWith('.json') && !fileName.startsWith('.') && !others.includes(fileName);

/**
 * Reads somebody's credentials as google_workspace_mcp writes them.
 * @param fileName - `<e-mail address>.json`, in URL encoding where it is of a current version: the only place that says
 *   whose they are
 * @param ownTokenEndpoints - those of Google; tokens for another one are none of ours
 * @returns never more than the file says: scopes are claimed, and the address is to be verified
 */
export function parseWorkspaceFile(
  text: string,
  fileName: string,
  ownTokenEndpoints: readonly string[],
): FoundContent {
  const unusable = (why: UnusableReason): FoundContent => ({ kind: 'unusable', why });
  const email = emailIn(fileName);
  if (email === undefined) return unusable('no-email');
  const file = parseObject(text);
  if (file === undefined) return unusable('not-json');
  const clientId = textOf(file['client_id']);
  const clientSecret = secretOf(file['client_secret']);
  const accessToken = secretOf(file['token']);
  const refreshToken = secretOf(file['refresh_token']);
  const expiresAtMs = naiveUtc(file['expiry']);
  if (refreshToken === undefined) return unusable('no-refresh-token');
  if (clientId === undefined) return unusable('no-client');
  // The refresh token would be sent to an endpoint that it does not come from.
  if (!isOwn(file['token_uri'], ownTokenEndpoints)) return unusable('another-issuer');
  return {
    kind: 'google',
    email,
    client: { clientId, ...(clientSecret && { clientSecret }) },
    tokens: {
      refreshToken,
      ...(accessToken && { accessToken }),
      scopes: scopesOf(file['scopes']),
      ...(expiresAtMs !== undefined && { expiresAtMs }),
    },
  };
}

/** In lower case, as all comparisons of addresses are. */
function emailIn(fileName: string): string | undefined {
  const name = decoded(fileName.slice(0, -'.json'.length))?.toLowerCase();
  if (name === undefined) return undefined;
  return /^[^@\s"'<>\p{Cc}\p{Cf}]{1,200}@[^@\s"'<>\p{Cc}\p{Cf}]{1,200}$/u.test(name) ? name : undefined;
}

/** An address with a `%` of its own is not written as it is by any version. */
function decoded(name: string): string | undefined {
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

/** A file without an endpoint is renewed at Google's by the program that wrote it, too. */
function isOwn(tokenUri: unknown, own: readonly string[]): boolean {
  if (tokenUri === undefined || tokenUri === null) return true;
  if (typeof tokenUri !== 'string') return false;
  try {
    const { href } = parseAddress(tokenUri);
    return own.some((endpoint) => new URL(endpoint).href === href);
  } catch {
    return false;
  }
}

/**
 * An instant as Python writes it: in UTC without saying so, unless it has an offset.
 * @returns milliseconds since the epoch; undefined when it is none
 */
export function naiveUtc(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined;
  const parts = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,9})?)(Z|[+-]\d\d:?\d\d)?$/.exec(value.trim());
  if (parts === null) return undefined;
  const [, date = '', time = '', offset = 'Z'] = parts;
  const ms = Date.parse(`${date}T${time}${offset}`);
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined;
}

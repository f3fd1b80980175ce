import type * as oauth from 'oauth4webapi';

/**
 * Metadata whose members have the types that RFC 8414 §2 gives them: lists hold nothing but text, and endpoints are
 * addresses of the web. Whatever is something else is left out, as if the server had not said it, for a null or a slip
 * in a member that nobody needs must not cost anybody a sign-in.
 */
export function wellTyped(metadata: oauth.AuthorizationServer): oauth.AuthorizationServer {
  const members = Object.entries(metadata).map(([name, value]) => [name, typed(name, value)] as const);
  const { issuer } = metadata;
  return { ...Object.fromEntries(members.filter(([, value]) => value !== undefined)), issuer };
}

function typed(name: string, value: unknown): unknown {
  if (/(scopes|types|methods|values|modes)_supported$/.test(name)) {
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : undefined;
  }
  // Where a user is sent is judged when they are, and then named to them if it cannot be.
  if (name === 'authorization_endpoint') return typeof value === 'string' ? value : undefined;
  if (name.endsWith('_endpoint')) return isWebAddress(value) ? value : undefined;
  return value;
}

const isWebAddress = (value: unknown): boolean =>
  typeof value === 'string' && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);

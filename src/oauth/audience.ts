import { covers } from '../core/address.js';
import type { Secret } from '../core/secret.js';

/**
 * For what else than `resource` an access token says it is, where it is a JWT that names addresses and none of them is
 * the resource's. Names of other kinds say nothing to anybody but the server.
 * @returns the addresses, as one text; undefined where nothing is wrong, or nothing can be read
 * @see MCP authorization 2026-07-28, "Token Audience Binding and Validation"; RFC 9068 §2.2
 */
export function elsewhere(token: Secret, resource: string): string | undefined {
  const audiences = audiencesOf(token.reveal());
  const isAddress = (audience: string) =>
    URL.canParse(audience) && /^https?:$/.test(new URL(audience).protocol);
  if (audiences.length === 0 || !audiences.every(isAddress)) return undefined;
  const isFor = (audience: string) => covers(audience, resource) || covers(resource, audience);
  return audiences.some(isFor) ? undefined : audiences.join(' ').slice(0, 200);
}

/** RFC 7519 §4.1.3; read and not verified, since only the server can do that. */
function audiencesOf(token: string): string[] {
  const [, payload, signature] = token.split('.');
  if (payload === undefined || signature === undefined) return [];
  try {
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, '+').replace(/_/g, '/')), (one) =>
      one.charCodeAt(0),
    );
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as { readonly aud?: unknown } | null;
    return [claims?.aud].flat().filter((audience) => typeof audience === 'string');
  } catch {
    return [];
  }
}

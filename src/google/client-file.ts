import * as v from 'valibot';
import type { InsteadOfClient, ReadClient } from '../core/client-file.js';
import { Secret } from '../core/secret.js';

const id = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(300));

/** The members that matter; the others are addresses that we know better. */
const clientSchema = v.object({
  client_id: id,
  client_secret: v.optional(v.string()),
  redirect_uris: v.optional(v.array(v.string()), []),
});

/**
 * Reads a `client_secret….json` as the Google Cloud console gives it out.
 * @param text - the file's content, bounded in size
 */
export function parseClientFile(text: string): ReadClient {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return { kind: 'other', found: 'not-json' };
  }
  if (!isRecord(value)) return { kind: 'other', found: 'something-else' };
  for (const type of ['installed', 'web'] as const) {
    if (value[type] === undefined) continue;
    const result = v.safeParse(clientSchema, value[type]);
    if (!result.success) return { kind: 'other', found: 'no-id' };
    const { client_id: clientId, client_secret: secret = '', redirect_uris: uris } = result.output;
    return {
      kind: 'client',
      client: {
        type,
        clientId,
        ...(secret.trim() !== '' && { clientSecret: new Secret(secret.trim()) }),
        loopbackUris: uris.filter(leadsHere),
      },
    };
  }
  return { kind: 'other', found: insteadOf(value) };
}

function insteadOf(value: Record<string, unknown>): InsteadOfClient {
  const { type } = value;
  if (type === 'service_account' || type === 'impersonated_service_account') return 'service-account';
  if (typeof value['refresh_token'] === 'string' || type === 'authorized_user') return 'credential';
  const holdsClient = Object.values(value).some((member) => isRecord(member) && 'client_id' in member);
  return holdsClient ? 'another-type' : 'something-else';
}

/** An address on which we can listen: of this computer, on a port of its own, and without a certificate. */
function leadsHere(uri: string): boolean {
  return /^http:\/\/(127\.0\.0\.1|localhost):\d{4,5}(\/[^?#]*)?$/.test(uri) && URL.canParse(uri);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

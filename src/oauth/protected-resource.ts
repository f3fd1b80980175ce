import { canonicalAddress, covers, parseAddress } from '../core/address.js';
import { BrokerError, hasCode } from '../core/errors.js';
import type { Fetch } from '../core/ports.js';
import { redacted } from '../core/redaction.js';
import { readBearerChallenge, type BearerChallenge } from './challenge.js';
import { guardedFetch, guardedHeadFetch } from './guarded-fetch.js';
import { findDocument } from './metadata-document.js';
import { readAnswer, scopeLimit, type Answer } from './normalized-answer.js';

/** An MCP server as the thing that a token is for. */
export interface ProtectedResource {
  /**
   * The resource identifier (RFC 8707: what is sent as `resource`): verbatim as the metadata has it; without metadata,
   * what the user typed, in canonical form.
   */
  readonly resource: string;
  /** The authorization servers that may issue tokens for it; empty when it publishes no metadata. */
  readonly issuers: readonly string[];
  /** What to ask for: the challenge's scopes, else all that the metadata lists, else nothing. */
  readonly scopes?: readonly string[];
  /** Tokens for it have to be bound to a key of ours (RFC 9449). */
  readonly wantsDpop?: true;
}

/**
 * Finds out what the MCP server at `serverUrl` is called and who issues tokens for it: a request without a token
 * for its challenge, then the metadata that the challenge names, or without a name the well-known addresses by path
 * and root. A server that answers without a token, too, may have metadata.
 * @throws BrokerError `server_unreachable` when the server does not answer; `metadata_missing` when it names metadata
 *   that is not there; `resource_mismatch` when the metadata speaks for something else; `issuer_unreachable`,
 *   `tls_untrusted`, `address_refused`, `network_refused` from the requests
 * @see RFC 9728 §3 and §5; MCP authorization 2026-07-28, "Authorization Server Discovery"
 */
export async function discoverResource(
  fetch: Fetch,
  serverUrl: string,
  signal: AbortSignal,
): Promise<ProtectedResource> {
  const challenge = await askForChallenge(fetch, serverUrl, signal);
  const named = challenge?.resourceMetadata;
  const addresses = named === undefined ? wellKnownAddresses(serverUrl) : [named];
  const found = await findDocument(
    guardedFetch(fetch),
    addresses,
    (document) => typeof document['resource'] === 'string',
    signal,
    serverUrl,
  );
  if (found === undefined) {
    if (named !== undefined) {
      throw new BrokerError('metadata_missing', `There is no metadata at ${JSON.stringify(named)}.`);
    }
    return {
      resource: canonicalAddress(serverUrl),
      issuers: [],
      ...(challenge?.scopes && { scopes: challenge.scopes }),
      ...(challenge?.isDpop && { wantsDpop: true }),
    };
  }
  const document = await readAnswer(found.response);
  if (document === undefined)
    throw new BrokerError('metadata_missing', `There is no JSON object at ${JSON.stringify(found.address)}.`);
  const metadata = parseMetadata(document, serverUrl);
  const scopes = challenge?.scopes ?? metadata.scopes;
  const wantsDpop = challenge?.isDpop === true || metadata.wantsDpop === true;
  const { resource, issuers } = metadata;
  return { resource, issuers, ...(scopes && { scopes }), ...(wantsDpop && { wantsDpop }) };
}

/** A ping opens no session and does nothing on a server that needs no token. */
const probe = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'ping' });

async function askForChallenge(
  fetch: Fetch,
  serverUrl: string,
  signal: AbortSignal,
): Promise<BearerChallenge | undefined> {
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  let answer: Response;
  try {
    answer = await guardedHeadFetch(fetch)(serverUrl, { method: 'POST', headers, body: probe, signal });
  } catch (error) {
    if (!hasCode(error, 'issuer_unreachable')) throw error;
    throw new BrokerError('server_unreachable', error.message, { cause: error, details: error.details });
  }
  return answer.status === 401 ? readBearerChallenge(answer.headers) : undefined;
}

function wellKnownAddresses(serverUrl: string): string[] {
  const url = new URL(serverUrl);
  const root = `${url.origin}/.well-known/oauth-protected-resource`;
  const path = url.pathname.replace(/\/$/, '');
  const below = `${path}${url.search}`;
  return below === '' ? [root] : [`${root}${below}`, root];
}

/** More than anybody would choose from. */
const issuerLimit = 100;

function parseMetadata(document: Answer, serverUrl: string): ProtectedResource {
  const {
    resource,
    authorization_servers: issuers,
    scopes_supported: scopes,
    dpop_bound_access_tokens_required: needsBinding,
  } = document;
  if (typeof resource !== 'string' || !isIdentifier(resource) || !covers(resource, serverUrl)) {
    throw new BrokerError('resource_mismatch', 'The metadata speaks for another resource.', {
      details: {
        server: serverUrl,
        // Anything but text may be as deep as the server likes.
        resource: typeof resource === 'string' ? JSON.stringify(redacted(resource)) : typeof resource,
      },
    });
  }
  return {
    resource,
    issuers: stringsIn(issuers).slice(0, issuerLimit),
    ...(Array.isArray(scopes) && { scopes: stringsIn(scopes).slice(0, scopeLimit) }),
    ...(needsBinding === true && { wantsDpop: true as const }),
  };
}

/**
 * An address without a fragment, and nothing that a parser of addresses would pass over: what is sent as `resource` is
 * this text.
 * @see RFC 8707 §2; RFC 9728 §1.2
 */
function isIdentifier(resource: string): boolean {
  if (/[\s\p{Cc}]/u.test(resource)) return false;
  try {
    parseAddress(resource);
    return true;
  } catch {
    return false;
  }
}

const stringsIn = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];

import { isSameIssuer } from '../../core/address.js';
import { BrokerError } from '../../core/errors.js';
import type { Questions } from '../../core/questions.js';
import type { Server } from '../../core/server.js';
import type { ProtectedResource } from '../../oauth/protected-resource.js';
import type { CredentialVault } from '../../vault/credentials.js';
import { cancelled } from '../state/failures.js';

export interface ChoiceParts {
  readonly server: Server;
  readonly vault: CredentialVault;
  readonly questions: Questions;
}

/**
 * The authorization server to sign in at: the one of the settings, the only one, the one where somebody is signed in
 * for this resource, or the one that the user chooses. An account that signs in again does so at its own. Without metadata it is the server's own origin.
 * @param before - the authorization server of the account that signs in again
 * @throws BrokerError `issuer_not_offered`; `sign_in_cancelled` when the user leaves the question
 * @see RFC 9728 §7.6; MCP authorization 2025-03-26, "Authorization Base URL"
 */
export async function chooseIssuer(
  { server, vault, questions }: ChoiceParts,
  { resource, issuers: named }: ProtectedResource,
  before?: string,
): Promise<string> {
  const wanted = server.auth.issuer;
  // One that is named twice is no choice.
  const issuers = named.filter(
    (one, place) => named.findIndex((other) => isSameIssuer(one, other)) === place,
  );
  const [first, ...others] = issuers;
  if (first === undefined) return wanted ?? new URL(server.url).origin;
  if (wanted !== undefined) {
    const found = issuers.find((issuer) => isSameIssuer(issuer, wanted));
    if (found !== undefined) return found;
    throw new BrokerError('issuer_not_offered', `${server.url} does not name ${wanted}.`, {
      details: { issuer: wanted, offered: JSON.stringify(issuers.slice(0, 10)) },
    });
  }
  if (others.length === 0) return first;
  const same = issuers.find((issuer) => before !== undefined && isSameIssuer(issuer, before));
  if (same !== undefined) return same;
  const known = vault.list().filter((entry) => entry.resource === resource);
  const [used, ...more] = issuers.filter((issuer) =>
    known.some(({ account }) => isSameIssuer(account.issuer, issuer)),
  );
  if (used !== undefined && more.length === 0) return used;
  const chosen = await questions.issuer(server.id, issuers);
  if (chosen === undefined) throw cancelled();
  return chosen;
}

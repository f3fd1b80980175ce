import type { Audit } from '../../core/audit.js';
import { keyOf, keyText, type Credential } from '../../core/credential.js';
import type { Log } from '../../core/ports.js';
import type { ServerId } from '../../core/server.js';
import type { CredentialVault } from '../../vault/credentials.js';
import type { BoundServers } from '../servers/bound-servers.js';
import { newest, withLoginOf } from '../state/generation.js';
import type { Holdings } from '../state/holdings.js';
import type { Issuers } from '../state/issuers.js';
import type { KeptLeases } from '../state/kept-leases.js';
import { replaceOthers } from './other-grants.js';

export interface NewlyGrantedParts {
  readonly audit: Audit;
  readonly log: Log;
  readonly leases: KeptLeases;
  readonly vault: CredentialVault;
  readonly servers: BoundServers;
  readonly holdings: Holdings;
  readonly issuers: Issuers;
}

/** The sign-in that something was granted by. */
export interface GrantedBy {
  readonly server: ServerId;
  /** Whether a user wanted it, or it went on by itself. */
  readonly reason: 'signed-in' | 'granted';
  /** Called when the state of the server is that of the credential from now on. */
  readonly ended: () => void;
}

/**
 * Keeps what was granted, and uses it for the server.
 * @param missing - the scopes that the server needs and were not granted
 * @throws BrokerError as `CredentialVault.put`
 */
export async function keepGranted(
  parts: NewlyGrantedParts,
  fresh: Credential,
  { server, reason, ended }: GrantedBy,
  missing: readonly string[],
): Promise<void> {
  const { holdings, servers, audit, log } = parts;
  const { clientId, resource } = keyOf(fresh);
  // The news of what is saved may be faster than the end of the saving.
  const credential = await servers.reserveFor(server, async () => {
    const saved = await saveAsNewest(parts, fresh);
    servers.bind(server, { account: fresh.account, clientId, resource }, reason, missing);
    return saved;
  });
  ended();
  holdings.take(credential);
  await replaceLesser(parts, credential);
  const { account, generation, scopes, tokens } = credential;
  audit.record({
    kind: 'sign-in',
    outcome: 'completed',
    server,
    account,
    resource,
    generation,
    scopes,
    ...(tokens.kind === 'alive' && { token: tokens.accessToken }),
  });
  log.info(`Signed in ${JSON.stringify(account.label)} for ${JSON.stringify(server)}.`);
}

/** Uses what another server of the same account has been granted, and this one needs nothing more. */
export function useGranted(
  { servers, holdings, log }: NewlyGrantedParts,
  credential: Credential,
  { server, reason, ended }: GrantedBy,
): void {
  const { account, client, resource } = credential;
  servers.bind(server, { account, clientId: client.clientId, resource }, reason);
  ended();
  holdings.take(credential);
  log.info(`${JSON.stringify(server)} uses what ${JSON.stringify(account.label)} has granted already.`);
}

/** Under the lease: a renewal of what this replaces finishes first, and its generation is counted. */
function saveAsNewest(
  { leases, holdings, vault }: NewlyGrantedParts,
  fresh: Credential,
): Promise<Credential> {
  const key = keyOf(fresh);
  return leases.holdOrDoWithout(keyText(key), async () => {
    const held = holdings.get(keyText(key))?.credential;
    const stored = hasLogin(fresh) ? await vault.get(key).catch(() => undefined) : undefined;
    const present = held === undefined ? stored : newest(held, stored);
    const after = (held?.generation ?? 0) + 1;
    const generation = Math.max(after, await vault.generations.next(key));
    const next = { ...withLoginOf(fresh, present), generation };
    await vault.put(next);
    return next;
  });
}

/**
 * What the same account was granted under an earlier registration of ours is not used any more; of tokens that serve
 * all servers, those stay that allow more.
 */
function replaceLesser(parts: NewlyGrantedParts, credential: Credential): Promise<void> {
  const { issuers } = parts;
  const { account, scopes } = credential;
  const isShared = issuers.audienceless(account.issuer) !== undefined;
  return replaceOthers(
    parts,
    credential,
    (entry) => !isShared || issuers.missingScopes(account.issuer, scopes, entry.scopes).length === 0,
  );
}

const hasLogin = ({ tokens }: Credential): boolean =>
  tokens.kind === 'alive' && tokens.loginDigest !== undefined;

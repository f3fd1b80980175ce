import { covers } from '../../core/address.js';
import { isAlive, keyText } from '../../core/credential.js';
import { BrokerError, describeError } from '../../core/errors.js';
import { clientIdOfGrant, isSameGrant, type IssuerGrant } from '../../core/grant.js';
import type { IssuerAnswer } from '../../core/issuer-driver.js';
import type { Clock, Fetch, Log } from '../../core/ports.js';
import type { Server } from '../../core/server.js';
import { discoverResource } from '../../oauth/protected-resource.js';
import { grantedOrThrow } from '../../oauth/token-answer.js';
import { askWhoItIs } from '../../oauth/userinfo.js';
import type { CredentialVault } from '../../vault/credentials.js';
import { keyOfEntry, type ListedCredential } from '../../vault/records/index-entry.js';
import { fileRefused } from '../state/failures.js';
import { exchangedIn, newest, renewed, tokensFrom } from '../state/generation.js';
import { asTokenAnswer, type Grants } from '../state/grants.js';
import type { Holdings } from '../state/holdings.js';
import type { KeptLeases } from '../state/kept-leases.js';
import { patiently, readPatiently } from '../state/patience.js';
import { Permission, type PermissionParts } from './permission.js';
import { requireWanted, type Finished, type SignInWish } from './sign-in.js';

export interface IssuerGrantParts extends PermissionParts {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly log: Log;
  readonly vault: CredentialVault;
  readonly leases: KeptLeases;
  readonly holdings: Holdings;
  readonly grants: Grants;
}

/**
 * A sign-in by a grant that only one issuer has, which the server need not name. Needs no browser.
 * @throws BrokerError as `Grants.issue`, `discoverResource` and `askWhoItIs`; `authorization_denied`, `issuer_unreachable`
 *   for what the issuer answers; `wrong_account`; `origin_not_allowed`; `resource_mismatch` when
 *   an ID token is wanted for another address than the server's
 */
export async function signInByIssuerGrant(
  parts: IssuerGrantParts,
  wish: SignInWish,
  grant: IssuerGrant,
): Promise<Finished> {
  const { fetch, clock, vault, leases, issuers } = parts;
  const { server, questions, signal } = wish;
  const clientId = clientIdOfGrant(grant);
  const issuer = issuers.issuerOf(grant);
  const resource = grant.audience === undefined ? issuer : resourceOf(grant.audience, server);
  const own = await scopesFor(parts, wish, grant);
  // Whoever is asked where the token may go has to be told what it allows, so that is settled here.
  const wanted = own.length > 0 || grant.audience !== undefined ? own : issuers.usualScopes(issuer);
  const stored = () =>
    vault
      .list()
      .find(
        (entry) =>
          isSameGrant(entry.grant, grant) && entry.resource === resource && entry.account.issuer === issuer,
      );
  const scopesBeside = ({ scopes: held = [] }: Partial<ListedCredential> = {}) => [
    ...held,
    ...issuers.missingScopes(issuer, held, wanted),
  ];
  const before = stored();
  const permission = new Permission(parts, server, questions, issuer, scopesBeside(before));
  if (grant.audience === undefined)
    await permission.ask(grant.subject ?? grant.impersonate, before ? [before.account] : []);
  signal.throwIfAborted();
  const finish = async (present: ListedCredential | undefined): Promise<Finished> => {
    const scopes = scopesBeside(present);
    const answer = await issued(parts, issuer, grant, scopes, present);
    if (answer.kind === 'refused') throw fileRefused(answer.error, answer.description, issuer);
    const tokens = grantedOrThrow(asTokenAnswer(answer), issuer);
    const named = answer.kind === 'granted' ? answer.token.account : undefined;
    const account =
      named ?? (await askWhoItIs(fetch, await issuers.metadata(issuer, issuer), tokens.accessToken, signal));
    requireWanted(account, wish);
    const granted = tokens.scopes ?? scopes;
    if (grant.audience === undefined) await permission.keepFor(account, granted);
    const missing = grant.audience === undefined ? issuers.missingScopes(issuer, granted, own) : [];
    await wish.keep(
      {
        account,
        client: { issuer, clientId, authMethod: 'none', source: 'configured' },
        grant,
        resource,
        generation: 1,
        scopes: granted,
        tokens: tokensFrom(tokens, clock.nowMs()),
      },
      missing,
    );
    return { account, missing: issuers.scopeTexts(issuer, missing) };
  };
  if (before !== undefined) return finish(before);
  // Whoever begins at the same time would send what is in the file a second time, since nothing is stored yet.
  return leases.holdOrDoWithout(`first ${clientId}`, async () => {
    await vault.look().catch(() => undefined);
    signal.throwIfAborted();
    return finish(stored());
  });
}

/**
 * Asks for a token with what the login in the file has been exchanged for, where that is stored: what is in the file is
 * spent then, and whoever sends it twice may end the grant (RFC 9700 §4.14.2). What is exchanged now is saved before
 * anything else, since the rest of the sign-in may fail.
 */
async function issued(
  { clock, log, vault, leases, holdings, grants }: IssuerGrantParts,
  issuer: string,
  grant: IssuerGrant,
  scopes: readonly string[],
  before: ListedCredential | undefined,
): Promise<IssuerAnswer> {
  if (before === undefined) return grants.issue(issuer, grant, { scopes });
  const key = keyOfEntry(before);
  const name = keyText(key);
  return leases.holdOrDoWithout(name, async () => {
    const stored = await readPatiently({ clock, vault }, key, 'certain');
    const held = holdings.get(name);
    const present = held === undefined ? stored : newest(held.credential, stored);
    if (present === undefined || !isAlive(present)) return grants.issue(issuer, grant, { scopes });
    const { refreshToken, loginDigest } = present.tokens;
    const login = { ...(refreshToken && { refreshToken }), ...(loginDigest && { loginDigest }) };
    const answer = await grants.issue(issuer, grant, { scopes, ...login });
    const exchanged = answer.kind === 'granted' ? exchangedIn(answer.token, refreshToken) : answer.exchanged;
    // Another login may be somebody else's.
    if (exchanged === undefined || exchanged.loginDigest !== loginDigest) return answer;
    const generation = Math.max(present.generation + 1, await vault.generations.next(key));
    const next = renewed(present, exchanged, generation, clock.nowMs());
    const saving = patiently(clock, () => vault.put(next, present.generation));
    const isSaved = await saving.then(
      () => true,
      (error: unknown) => {
        log.error(`Saving an exchanged login failed: ${describeError(error)}`);
        return false;
      },
    );
    if (held !== undefined || !isSaved) holdings.take(next, held?.activity);
    return answer;
  });
}

/** An ID token says for whom it is and not what for. */
async function scopesFor(
  { fetch }: IssuerGrantParts,
  { server, moreScopes, signal }: SignInWish,
  { audience }: IssuerGrant,
): Promise<readonly string[]> {
  if (audience !== undefined) return [];
  const own = server.auth.scopes ?? (await discoverResource(fetch, server.url, signal)).scopes ?? [];
  return [...new Set([...own, ...moreScopes])];
}

/**
 * What an ID token is for. An audience that is an address has to be the server's; another one is a name that somebody in
 * front of the server goes by, as Identity-Aware Proxy does, and the user has set it for this server alone.
 */
function resourceOf(audience: string, { url }: Server): string {
  if (!URL.canParse(audience) || !/^https?:/.test(audience)) return url;
  if (covers(audience, url)) return audience;
  throw new BrokerError('resource_mismatch', 'The ID token would be for another address.', {
    details: { server: url, resource: JSON.stringify(audience) },
  });
}

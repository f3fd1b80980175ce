import { covers } from '../../core/address.js';
import { BrokerError } from '../../core/errors.js';
import { clientIdOfGrant, isSameGrant, type IssuerGrant } from '../../core/grant.js';
import type { Clock, Fetch } from '../../core/ports.js';
import type { Server } from '../../core/server.js';
import { discoverResource } from '../../oauth/protected-resource.js';
import { grantedOrThrow } from '../../oauth/token-answer.js';
import { askWhoItIs } from '../../oauth/userinfo.js';
import type { CredentialVault } from '../../vault/credentials.js';
import { fileRefused } from '../state/failures.js';
import { tokensFrom } from '../state/generation.js';
import { asTokenAnswer, type Grants } from '../state/grants.js';
import { Permission, type PermissionParts } from './permission.js';
import { requireWanted, type Finished, type SignInWish } from './sign-in.js';

export interface IssuerGrantParts extends PermissionParts {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly vault: CredentialVault;
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
  const { fetch, clock, vault, issuers, grants } = parts;
  const { server, questions, signal } = wish;
  const issuer = issuers.issuerOf(grant);
  const resource = grant.audience === undefined ? issuer : resourceOf(grant.audience, server);
  const own = await scopesFor(parts, wish, grant);
  // Whoever is asked where the token may go has to be told what it allows, so that is settled here.
  const wanted = own.length > 0 || grant.audience !== undefined ? own : issuers.usualScopes(issuer);
  const before = vault
    .list()
    .find(
      (entry) =>
        isSameGrant(entry.grant, grant) && entry.resource === resource && entry.account.issuer === issuer,
    );
  const held = before?.scopes ?? [];
  const scopes = [...held, ...issuers.missingScopes(issuer, held, wanted)];
  const permission = new Permission(parts, server, questions, issuer, scopes);
  if (grant.audience === undefined)
    await permission.ask(grant.subject ?? grant.impersonate, before ? [before.account] : []);
  signal.throwIfAborted();
  const answer = await grants.issue(issuer, grant, { scopes });
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
      client: { issuer, clientId: clientIdOfGrant(grant), authMethod: 'none', source: 'configured' },
      grant,
      resource,
      generation: 1,
      scopes: granted,
      tokens: tokensFrom(tokens, clock.nowMs()),
    },
    missing,
  );
  return { account, missing: issuers.scopeTexts(issuer, missing) };
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

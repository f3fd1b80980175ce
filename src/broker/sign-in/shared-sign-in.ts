import { isCalled, sameAccount, type Account } from '../../core/account.js';
import type { Client } from '../../core/client.js';
import { BrokerError } from '../../core/errors.js';
import { isAlive, isRenewable, keyOf, type Credential, type LiveCredential } from '../../core/credential.js';
import type { Clock } from '../../core/ports.js';
import type { CredentialVault } from '../../vault/credentials.js';
import { keyOfEntry, type IndexEntry, type ListedCredential } from '../../vault/records/index-entry.js';
import type { Clients } from './clients.js';
import { grantBefore } from './grant-before.js';
import type { Issuers } from '../state/issuers.js';
import { noClientFor } from '../state/own-clients.js';
import { readPatiently } from '../state/patience.js';
import { Permission, type PermissionParts } from './permission.js';
import type { Finished, Flow, SignInWish } from './sign-in.js';
import type { Grant } from './sign-in-by-code.js';

export interface SharedSignInParts extends PermissionParts {
  readonly clock: Clock;
  readonly vault: CredentialVault;
  readonly clients: Clients;
}

/** How the user is asked: in the browser, or by a code. */
export type Way = (
  wish: SignInWish,
  flow: Flow,
  finish: (client: Client, granted: Grant) => Promise<Finished>,
) => Promise<Finished>;

/**
 * A sign-in at an issuer whose tokens name no audience, so that an account has one credential for all its servers:
 * one that covers what `wish.server` needs is used without asking; else everything is asked for that was granted
 * before, and what is missing.
 * @param make - makes a credential of what was granted to the one who was wanted
 * @throws BrokerError as `make`, `way`, `grantBefore` and `Permission`; `client_rule_missing` when the one who came has no client;
 *   `consent_narrower` when they have allowed less than what other servers use
 */
export async function signInShared(
  parts: SharedSignInParts,
  wish: SignInWish,
  flow: Flow,
  way: Way,
  make: (client: Client, granted: Grant, now: SignInWish) => Promise<Credential>,
): Promise<Finished> {
  const { issuer } = flow.authorizationServer;
  const { issuers, clients } = parts;
  const { scopes: own = [] } = flow;
  const known = knownCredentials(parts, wish, issuer);
  const accounts = known.map(({ account }) => account);
  const ready = await readyAmong(parts, known, own);
  // Of an account that has several, the one that came last, as everywhere.
  const only = areOne(ready.map(({ account }) => account)) ? ready.at(-1) : undefined;
  if (wish.mayReuse && only !== undefined) {
    const permission = new Permission(parts, wish.server, wish.questions, issuer, only.scopes);
    await permission.keepFor(only.account, only.scopes);
    // The user may have taken their time to answer.
    const [still] = await readyAmong(parts, [{ ...only, clientId: only.client.clientId }], own);
    if (still !== undefined) {
      await wish.use(still);
      return { account: still.account };
    }
  }
  const expected = areOne(accounts) && !wish.isAnother ? accounts.at(-1) : undefined;
  // What it was granted for another client, too: whoever signs in has one credential in the end.
  const [granted = [], ...more] = expected === undefined ? [] : known.map(({ scopes }) => scopes);
  const first = [...more, own].reduce((all, scopes) => together(issuers, issuer, all, scopes), granted);
  const permission = new Permission(parts, wish.server, wish.questions, issuer, first);
  await permission.ask(wish.account?.label ?? wish.server.auth.account, accounts);

  // Each of the two is asked for once more at most; nobody who reads a code off a screen types a second one for scopes.
  const may = { askMore: wish.way !== 'code', changeClient: true };
  const round = (now: SignInWish, scopes: readonly string[], isCovered: boolean) => {
    const finish = async (client: Client, granted: Grant): Promise<Finished> => {
      const fresh = await make(client, granted, now);
      const { account } = fresh;
      // Whose client it has to be is known only now that it is known who it is.
      const clientId = clients.requiredFor(client, account) ?? client.clientId;
      const stored = await grantBefore(parts, { ...keyOf(fresh), clientId }, fresh);
      const before = stored !== undefined && isAlive(stored) ? stored : undefined;
      const again = { account, again: together(issuers, issuer, before?.scopes ?? [], own) };
      const isTheirs = clientId === client.clientId;
      // Without a consent there is no refresh token; the one that is there goes on.
      const isUnrenewable = !isRenewable(fresh);
      const lost = before === undefined ? [] : issuers.missingScopes(issuer, fresh.scopes, before.scopes);
      const isLess = isUnrenewable || lost.length > 0;
      if (before !== undefined && isReady(issuers, before, own) && (!isTheirs || isLess)) {
        await permission.keepFor(account, before.scopes);
        await wish.use(before);
        return { account };
      }
      if (!isTheirs) {
        if (!may.changeClient) throw noClientFor(issuer, account.label);
        may.changeClient = false;
        return again;
      }
      // What nobody asked for this time may only have been forgotten.
      const isUnasked = issuers.missingScopes(issuer, scopes, lost).length > 0;
      if (may.askMore && (isUnrenewable || isUnasked)) {
        may.askMore = false;
        return again;
      }
      if (before !== undefined && isRenewable(before) && lost.length > 0)
        throw narrower(account, issuers.scopeTexts(issuer, lost));
      await permission.keepFor(account, fresh.scopes);
      const missing = issuers.missingScopes(issuer, fresh.scopes, own);
      await wish.keep(isUnrenewable && before !== undefined ? carriedOn(fresh, before) : fresh, missing);
      // What was asked for beside the server's own had been granted before, to whoever was expected.
      const isExpected = isOf(fresh, now.account) || isOf(fresh, expected);
      const used = [...(isExpected ? scopes : []), ...(before?.scopes ?? [])];
      const others = issuers.missingScopes(issuer, [...fresh.scopes, ...own], used);
      return {
        account,
        missing: issuers.scopeTexts(issuer, missing),
        lost: issuers.scopeTexts(issuer, others),
      };
    };
    const likely = expected?.label;
    return way(now, { ...flow, scopes, isCovered, ...(likely !== undefined && { likely }) }, finish);
  };
  // A grant that ends by itself begins anew only with a consent.
  const isCovered = ready.some(
    (one) => isOf(one, expected) && one.tokens.grantEndsAtMs === undefined && isReady(issuers, one, first),
  );
  let finished = await round(wish, first, isCovered);
  while (finished.again !== undefined)
    finished = await round({ ...wish, account: finished.account }, finished.again, false);
  return finished;
}

/** Other servers live on what was granted before; less than that takes its place only after a sign-out. */
const narrower = (account: Account, lost: readonly string[]): BrokerError =>
  new BrokerError('consent_narrower', 'Less was granted than is in use.', {
    details: { account: account.label, lost: lost.join(', ') },
  });

/** The credentials of those who may come back, for the client of the settings where there is one. */
function knownCredentials(
  { vault, reaches }: SharedSignInParts,
  { account, server }: SignInWish,
  issuer: string,
): readonly ListedCredential[] {
  const { account: pinned, clientId } = server.auth;
  return reaches
    .signedInAt(vault.list(), issuer)
    .filter((entry) => account === undefined || sameAccount(entry.account, account))
    .filter((entry) => pinned === undefined || isCalled(entry.account, pinned))
    .filter((entry) => clientId === undefined || entry.clientId === clientId);
}

/** Those of `known` that cover `wanted` and are alive. */
async function readyAmong(
  parts: SharedSignInParts,
  known: readonly IndexEntry[],
  wanted: readonly string[],
): Promise<readonly LiveCredential[]> {
  const stored = await Promise.all(known.map((entry) => readPatiently(parts, keyOfEntry(entry))));
  return stored
    .filter((one) => one !== undefined)
    .filter(isAlive)
    .filter((one) => isReady(parts.issuers, one, wanted));
}

const isReady = (issuers: Issuers, credential: Credential, wanted: readonly string[]): boolean =>
  isRenewable(credential) &&
  issuers.missingScopes(credential.account.issuer, credential.scopes, wanted).length === 0;

/** `fresh` with what renews `before`: the same account has granted it to the same client, and it is not spent. */
function carriedOn(fresh: Credential, { tokens, grant: other }: LiveCredential): Credential {
  const { refreshToken, grantedAtMs, grantEndsAtMs } = tokens;
  if (!isAlive(fresh) || refreshToken === undefined || other !== undefined) return fresh;
  const grant = {
    refreshToken,
    ...(grantedAtMs !== undefined && { grantedAtMs }),
    ...(grantEndsAtMs !== undefined && { grantEndsAtMs }),
  };
  return { ...fresh, tokens: { ...fresh.tokens, ...grant } };
}

/** What was granted, and what of `wanted` that does not cover. */
const together = (
  issuers: Issuers,
  issuer: string,
  granted: readonly string[],
  wanted: readonly string[],
): readonly string[] => [...granted, ...issuers.missingScopes(issuer, granted, wanted)];

const isOf = ({ account }: Credential, expected: Account | undefined): boolean =>
  expected !== undefined && sameAccount(account, expected);

/** Whether they all are one account, which may have a credential for each of several clients. */
const areOne = ([first, ...others]: readonly Account[]): boolean =>
  first !== undefined && others.every((other) => sameAccount(other, first));

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

/** Makes a credential of what was granted to the one who was wanted. */
type Make = (client: Client, granted: Grant, now: SignInWish) => Promise<Credential>;

/** What is the same in all rounds of a sign-in: how often the user is asked depends on what comes back. */
interface Rounds {
  readonly parts: SharedSignInParts;
  readonly issuer: string;
  /** The scopes that the server needs. */
  readonly own: readonly string[];
  /** Who is to come back, as far as that can be known. */
  readonly expected: Account | undefined;
  readonly permission: Permission;
  readonly make: Make;
  /** Each of the two is asked for once more at most. */
  readonly may: { askMore: boolean; changeClient: boolean };
}

interface Round {
  readonly wish: SignInWish;
  readonly scopes: readonly string[];
}

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
  make: Make,
): Promise<Finished> {
  const { issuer } = flow.authorizationServer;
  const { issuers } = parts;
  const { scopes: own = [] } = flow;
  const known = knownCredentials(parts, wish, issuer);
  const accounts = known.map(({ account }) => account);
  const ready = await readyAmong(parts, known, own);
  const used = wish.mayReuse ? await usedAsItIs(parts, wish, ready, own) : undefined;
  if (used !== undefined) return used;
  const expected = areOne(accounts) && !wish.isAnother ? accounts.at(-1) : undefined;
  // What it was granted for another client, too: whoever signs in has one credential in the end.
  const [granted = [], ...more] = expected === undefined ? [] : known.map(({ scopes }) => scopes);
  const first = [...more, own].reduce((all, scopes) => together(issuers, issuer, all, scopes), granted);
  const permission = new Permission(parts, wish.server, wish.questions, issuer, first);
  await permission.ask(wish.account?.label ?? wish.server.auth.account, accounts);

  // Nobody who reads a code off a screen types a second one for scopes.
  const may = { askMore: wish.way !== 'code', changeClient: true };
  const rounds: Rounds = { parts, issuer, own, expected, permission, make, may };
  const likely = expected?.label;
  const ask = (round: Round, isCovered: boolean) => {
    const { wish: now, scopes } = round;
    const asked = { ...flow, scopes, isCovered, ...(likely !== undefined && { likely }) };
    return way(now, asked, (client, grant) => finish(rounds, round, client, grant));
  };
  // A grant that ends by itself begins anew only with a consent.
  const isCovered = ready.some(
    (one) => isOf(one, expected) && one.tokens.grantEndsAtMs === undefined && isReady(issuers, one, first),
  );
  let finished = await ask({ wish, scopes: first }, isCovered);
  while (finished.again !== undefined) {
    const { account, again: scopes } = finished;
    finished = await ask({ wish: { ...wish, account }, scopes }, false);
  }
  return finished;
}

/**
 * Uses what covers `own` already, where it is clear whose.
 * @param ready - what does
 */
async function usedAsItIs(
  parts: SharedSignInParts,
  wish: SignInWish,
  ready: readonly LiveCredential[],
  own: readonly string[],
): Promise<Finished | undefined> {
  // Of an account that has several, the one that came last, as everywhere.
  const only = areOne(ready.map(({ account }) => account)) ? ready.at(-1) : undefined;
  if (only === undefined) return undefined;
  const { account, client, scopes } = only;
  await new Permission(parts, wish.server, wish.questions, account.issuer, scopes).keepFor(account, scopes);
  // The user may have taken their time to answer.
  const [still] = await readyAmong(parts, [{ ...only, clientId: client.clientId }], own);
  if (still === undefined) return undefined;
  wish.use(still);
  return { account: still.account };
}

/** Says what becomes of what was granted: it is kept, or what was there before is used, or the user is asked again. */
async function finish(rounds: Rounds, round: Round, client: Client, granted: Grant): Promise<Finished> {
  const { parts, issuer, own, permission, make, may } = rounds;
  const { clients, issuers } = parts;
  const fresh = await make(client, granted, round.wish);
  const { account } = fresh;
  // Whose client it has to be is known only now that it is known who it is.
  const clientId = clients.requiredFor(client, account) ?? client.clientId;
  const stored = await grantBefore(parts, { ...keyOf(fresh), clientId }, fresh);
  const before = stored !== undefined && isAlive(stored) ? stored : undefined;
  const again = { account, again: together(issuers, issuer, before?.scopes ?? [], own) };
  const isTheirs = clientId === client.clientId;
  const lost = before === undefined ? [] : issuers.missingScopes(issuer, fresh.scopes, before.scopes);
  const isLess = !isRenewable(fresh) || lost.length > 0;
  if (before !== undefined && isReady(issuers, before, own) && (!isTheirs || isLess)) {
    await permission.keepFor(account, before.scopes);
    round.wish.use(before);
    return { account };
  }
  if (!isTheirs) {
    if (!may.changeClient) throw noClientFor(issuer, account.label);
    may.changeClient = false;
    return again;
  }
  // What nobody asked for this time may only have been forgotten.
  const isUnasked = issuers.missingScopes(issuer, round.scopes, lost).length > 0;
  if (may.askMore && (!isRenewable(fresh) || isUnasked)) {
    may.askMore = false;
    return again;
  }
  if (before !== undefined && isRenewable(before) && lost.length > 0)
    throw narrower(account, issuers.scopeTexts(issuer, lost));
  return keep(rounds, round, fresh, before);
}

/** Keeps `fresh` in the place of `before`. */
async function keep(
  { parts: { issuers }, issuer, own, expected, permission }: Rounds,
  { wish, scopes }: Round,
  fresh: Credential,
  before: LiveCredential | undefined,
): Promise<Finished> {
  const { account } = fresh;
  await permission.keepFor(account, fresh.scopes);
  const missing = issuers.missingScopes(issuer, fresh.scopes, own);
  // Without a consent there is no refresh token; the one that is there goes on.
  const isCarriedOn = !isRenewable(fresh) && before !== undefined;
  await wish.keep(isCarriedOn ? carriedOn(fresh, before) : fresh, missing);
  // What was asked for beside the server's own had been granted before, to whoever was expected.
  const isExpected = isOf(fresh, wish.account) || isOf(fresh, expected);
  const used = [...(isExpected ? scopes : []), ...(before?.scopes ?? [])];
  const others = issuers.missingScopes(issuer, [...fresh.scopes, ...own], used);
  return {
    account,
    missing: issuers.scopeTexts(issuer, missing),
    lost: issuers.scopeTexts(issuer, others),
  };
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

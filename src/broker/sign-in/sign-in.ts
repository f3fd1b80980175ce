import { isCalled, sameAccount, type Account } from '../../core/account.js';
import type { Client } from '../../core/client.js';
import type { Credential } from '../../core/credential.js';
import { BrokerError } from '../../core/errors.js';
import type { Log, ShowCode } from '../../core/ports.js';
import type { Questions } from '../../core/questions.js';
import type { Secret } from '../../core/secret.js';
import type { Server } from '../../core/server.js';
import { elsewhere } from '../../oauth/audience.js';
import { namedScopes, scopesToAskFor } from '../../oauth/authorization.js';
import type { AuthorizationServer } from '../../oauth/authorization-server.js';
import { requireDeviceCodes } from '../../oauth/device-code.js';
import { keyFor, requireBound } from '../../oauth/dpop.js';
import { identify, verifiedAccountFrom } from '../../oauth/identity.js';
import { discoverResource, type ProtectedResource } from '../../oauth/protected-resource.js';
import { askWhoItIs } from '../../oauth/userinfo.js';
import { requireOwnIssuer } from './clients.js';
import { tokensFrom } from '../state/generation.js';
import { signInByGrant, type GrantSignInParts } from './grant-sign-in.js';
import { chooseIssuer } from './issuer-choice.js';
import { signInByIssuerGrant, type IssuerGrantParts } from './issuer-grant-sign-in.js';
import type { PastedRedirect } from './pasted-redirect.js';
import { signInAsClient } from './sign-in-as-client.js';
import { authorizeByCode, type Grant } from './sign-in-by-code.js';
import { signInShared, type SharedSignInParts, type Way } from './shared-sign-in.js';
import { signInInBrowser, type BrowserParts } from './sign-in-in-browser.js';

export interface SignInParts extends GrantSignInParts, BrowserParts, IssuerGrantParts, SharedSignInParts {
  readonly log: Log;
  readonly showCode: ShowCode;
}

/** How a sign-in has ended. */
export interface Finished {
  readonly account: Account;
  /** What the server needs and was not granted, in words. */
  readonly missing?: readonly string[];
  /** What the account had granted before, for other servers, and has not granted again, in words. */
  readonly lost?: readonly string[];
  /** Everything that has to be asked for once more, since what came of it cannot be used as it is. */
  readonly again?: readonly string[];
}

/** Where the user signs in: in the browser of this computer, or with a code in any browser (RFC 8628). */
export type SignInWay = 'browser' | 'code';

/**
 * Who is to sign in: only the account that the server is bound to (`same`), `any`, or `another` one than those that are
 * known, so that none of them is used without asking.
 */
export type SignInWho = 'same' | 'any' | 'another';

/** Who may come back from the browser. */
export interface SignInWish {
  readonly server: Server;
  readonly way: SignInWay;
  /** Who knows what is missing. */
  readonly questions: Questions;
  /** Where the redirect comes from when the user brings it. */
  readonly pasted: PastedRedirect;
  /** Only this account will do: it signs in again. */
  readonly account?: Account;
  /** To be asked for beside the server's own; empty unless a call has found them missing. */
  readonly moreScopes: readonly string[];
  /** Called when it is known that this way is one: from now on it is the sign-in that is under way. */
  readonly begin: () => void;
  /**
   * Keeps what was granted, and resolves when it is durable. The browser's tab waits for it, so that it never says
   * "signed in" about something that is lost.
   * @param missing - the scopes that the server needs and were not granted
   */
  readonly keep: (credential: Credential, missing?: readonly string[]) => Promise<void>;
  /** Uses a credential that is stored already, which has all that the server needs. */
  readonly use: (credential: Credential) => void;
  /**
   * Whether the server may get an account that is signed in without a browser: it has none and the user named nobody, or
   * the user has chosen that one.
   */
  readonly mayReuse: boolean;
  /** The user wants to say in the browser who it is, so nobody is expected. */
  readonly isAnother: boolean;
  readonly signal: AbortSignal;
}

/** What is to be signed in at, and for. */
export interface Flow {
  readonly authorizationServer: AuthorizationServer;
  readonly resource: ProtectedResource;
  readonly scopes?: readonly string[];
  /** Who is likely to come, where nobody is wanted: enough to begin with a client that may turn out to be another one's. */
  readonly likely?: string;
  /** What is asked for has been granted before, to whoever is expected. */
  readonly isCovered?: boolean;
  /** What the tokens are to be bound to, where the resource wants that. */
  readonly dpopKey?: Secret;
}

/**
 * One sign-in from discovery to a kept credential: discovery → registration → browser and redirect → exchange →
 * identity → keep. The browser's tab says how it ended. A server with a grant of its own needs no browser.
 * @throws BrokerError any code of discovery, registration, authorization and exchange; `wrong_account`;
 *   `dpop_unsupported`; `origin_not_allowed`; `identity_missing`; `sign_in_timeout`; `browser_unavailable`; or the signal's reason
 */
export async function signIn(parts: SignInParts, wish: SignInWish): Promise<Account> {
  const { grant } = wish.server.auth;
  const { account } =
    grant?.kind === 'google'
      ? await signInByIssuerGrant(parts, wish, grant)
      : await signInAsNamed(parts, wish);
  return account;
}

/** At the issuer that the server or the settings name. */
async function signInAsNamed(parts: SignInParts, wish: SignInWish): Promise<Finished> {
  const { server, signal } = wish;
  const named = await discoverResource(parts.fetch, server.url, signal);
  const issuer = await chooseIssuer({ ...wish, vault: parts.vault }, named, wish.account?.issuer);
  const authorizationServer = await parts.issuers.metadata(issuer, named.resource);
  for (const quirk of parts.issuers.quirksOf(authorizationServer.issuer))
    parts.log.info(
      `An exception is made for ${JSON.stringify(quirk.issuer)}: ${JSON.stringify(quirk.reason)}`,
    );
  requireOwnIssuer(server, parts.vault.list(), authorizationServer.issuer);
  const dpopKey = await keyFor(named.wantsDpop, authorizationServer);
  const scopes = scopesFor(wish, named, authorizationServer);
  const isShared = parts.issuers.audienceless(authorizationServer.issuer) !== undefined;
  const resource = isShared ? { ...named, resource: authorizationServer.issuer } : named;
  const flow = { authorizationServer, resource, ...(scopes && { scopes }), ...(dpopKey && { dpopKey }) };
  const { grant } = server.auth;
  const make = async (client: Client, granted: Grant, now: SignInWish) => {
    const credential = await credentialFrom(parts, flow, client, granted, signal);
    requireWanted(credential.account, now);
    return credential;
  };
  const finish = async (client: Client, granted: Grant): Promise<Finished> => {
    const credential = await make(client, granted, wish);
    await wish.keep(credential);
    return { account: credential.account };
  };
  if (grant !== undefined && grant.kind !== 'google') return signInByGrant(parts, wish, grant, flow, finish);
  if (wish.way === 'code') {
    requireDeviceCodes(authorizationServer); // Before anybody is registered for it.
    wish.begin();
  }
  const way: Way = (...asked) =>
    wish.way === 'code' ? signInByCode(parts, ...asked) : signInInBrowser(parts, ...asked);
  return isShared ? signInShared(parts, wish, flow, way, make) : way(wish, flow, finish);
}

async function signInByCode(
  parts: SignInParts,
  wish: SignInWish,
  { authorizationServer, resource: { resource }, scopes, likely, dpopKey }: Flow,
  finish: (client: Client, granted: Grant) => Promise<Finished>,
): Promise<Finished> {
  const { clients } = parts;
  const { server, questions, signal } = wish;
  const wanted = wish.account?.label ?? server.auth.account;
  const known = await clients.known(server, authorizationServer, questions, { wanted, likely });
  signal.throwIfAborted();
  const all = scopesToAskFor(authorizationServer, scopes);
  const asked = { server: server.id, resource, ...(scopes && { scopes }), ...(dpopKey && { dpopKey }) };
  return signInAsClient(clients, authorizationServer, known?.client, {
    choose: async () => {
      const client = await clients.fitting(known?.client, wish, authorizationServer, all);
      return {
        client,
        authorize: () => authorizeByCode(parts, authorizationServer, client, asked, signal),
      };
    },
    finish,
  });
}

/** What the user wants goes as it is; what others name, as far as the authorization server offers it. */
function scopesFor(
  { server: { auth }, moreScopes }: SignInWish,
  resource: ProtectedResource,
  server: AuthorizationServer,
): readonly string[] | undefined {
  const own = auth.scopes ?? (resource.scopes && namedScopes(server, resource.scopes));
  const more = namedScopes(server, moreScopes);
  return own === undefined && more.length === 0 ? undefined : [...new Set([...(own ?? []), ...more])];
}

async function credentialFrom(
  { fetch, clock, log, issuers }: SignInParts,
  { authorizationServer, resource: { resource }, dpopKey }: Flow,
  client: Client,
  { tokens, scopes, grant }: Grant,
  signal: AbortSignal,
): Promise<Credential> {
  const { issuer } = authorizationServer;
  requireBound(dpopKey, tokens, issuer);
  const other = elsewhere(tokens.accessToken, resource);
  if (other !== undefined)
    log.warn(
      `${JSON.stringify(issuer)} gave a token for ${JSON.stringify(other)} instead of ${JSON.stringify(resource)}.`,
    );
  const account =
    issuers.audienceless(issuer) === undefined
      ? identify(issuer, tokens, grant && client.clientId)
      : // Where one credential serves all servers, nobody may be nameless, or called what nobody has verified.
        ((tokens.identity && verifiedAccountFrom(issuer, tokens.identity)) ??
        (await askWhoItIs(fetch, authorizationServer, tokens.accessToken, signal)));
  return {
    account,
    client,
    ...(grant && { grant }),
    resource,
    generation: 1,
    scopes: tokens.scopes ?? scopes,
    tokens: tokensFrom(tokens, clock.nowMs(), undefined, dpopKey),
  };
}

/**
 * An account of an authorization server that the resource has left cannot come back; whoever comes is chosen anew.
 * @throws BrokerError `wrong_account`
 */
export function requireWanted(account: Account, { account: same, server }: SignInWish): void {
  const pinned = server.auth.account;
  const isSame = same === undefined || same.issuer !== account.issuer || sameAccount(account, same);
  const isWanted = isSame && (pinned === undefined || isCalled(account, pinned));
  if (isWanted) return;
  throw new BrokerError('wrong_account', 'Somebody else signed in.', {
    details: { wanted: same?.label ?? pinned ?? '', got: account.label },
  });
}

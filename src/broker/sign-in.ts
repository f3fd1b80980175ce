import { isCalled, sameAccount, type Account } from '../core/account.js';
import type { Client } from '../core/client.js';
import type { Credential } from '../core/credential.js';
import { BrokerError } from '../core/errors.js';
import type {
  Clock,
  Fetch,
  Log,
  OpenBrowser,
  RedirectReceiver,
  RedirectWait,
  ShowCode,
} from '../core/ports.js';
import type { Questions } from '../core/questions.js';
import type { Secret } from '../core/secret.js';
import type { Server } from '../core/server.js';
import { withinLimit } from '../core/waiting.js';
import { authorizationRequest, newState, readAuthorizationResponse } from '../oauth/authorization.js';
import type { AuthorizationServer } from '../oauth/authorization-server.js';
import { requireDeviceCodes } from '../oauth/device-code.js';
import { keyFor } from '../oauth/dpop.js';
import { identify } from '../oauth/identity.js';
import { discoverResource, type ProtectedResource } from '../oauth/protected-resource.js';
import { pushIfRequired } from '../oauth/pushed-request.js';
import { exchangeCode } from '../oauth/token-request.js';
import type { CredentialVault } from '../vault/credentials.js';
import { requireOwnIssuer, type Clients } from './clients.js';
import { signInByGrant, type GrantSignInParts } from './grant-sign-in.js';
import { tokensFrom } from './generation.js';
import { chooseIssuer } from './issuer-choice.js';
import type { Issuers } from './issuers.js';
import type { PastedRedirect } from './pasted-redirect.js';
import { authorizeByCode, type Grant } from './sign-in-by-code.js';

/** Time to find a password and a second factor; after that the tab has been forgotten. */
const browserLimitMs = 5 * 60_000;

export interface SignInParts extends GrantSignInParts {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly log: Log;
  readonly openBrowser: OpenBrowser;
  readonly showCode: ShowCode;
  readonly redirects: RedirectReceiver;
  readonly vault: CredentialVault;
  readonly issuers: Issuers;
  readonly clients: Clients;
  readonly questions: Questions;
}

/** Where the user signs in: in the browser of this computer, or with a code in any browser (RFC 8628). */
export type SignInWay = 'browser' | 'code';

/** Who may come back from the browser. */
export interface SignInWish {
  readonly server: Server;
  readonly way: SignInWay;
  /** Where the redirect comes from when the user brings it. */
  readonly pasted: PastedRedirect;
  /** Only this account will do: it signs in again. */
  readonly account?: Account;
  /** To be asked for beside the server's own; empty unless a call has found them missing. */
  readonly moreScopes: readonly string[];
  /**
   * Keeps what was granted, and resolves when it is durable. The browser's tab waits for it, so that it never says
   * "signed in" about something that is lost.
   */
  readonly keep: (credential: Credential) => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * One sign-in from discovery to a kept credential: discovery → registration → browser and redirect → exchange →
 * identity → keep. The browser's tab says how it ended. A server with a grant of its own needs no browser.
 * @throws BrokerError any code of discovery, registration, authorization and exchange; `wrong_account`;
 *   `sign_in_timeout`; `browser_unavailable`; or the signal's reason
 */
export async function signIn(parts: SignInParts, wish: SignInWish): Promise<Account> {
  const { server, signal } = wish;
  const { clients } = parts;
  const resource = await discoverResource(parts.fetch, server.url, signal);
  const issuer = await chooseIssuer(parts, server, resource);
  const namedBy = server.auth.issuer === undefined ? server.url : undefined;
  const authorizationServer = await parts.issuers.metadata(issuer, resource.resource, namedBy);
  for (const quirk of parts.issuers.quirksOf(authorizationServer.issuer))
    parts.log.info(
      `An exception is made for ${JSON.stringify(quirk.issuer)}: ${JSON.stringify(quirk.reason)}`,
    );
  if (wish.way === 'code') requireDeviceCodes(authorizationServer); // Before anybody is registered for it.
  requireOwnIssuer(server, wish.account?.issuer, authorizationServer.issuer);
  const { grant } = server.auth;
  if (grant !== undefined) return signInByGrant(parts, wish, grant, resource, authorizationServer);
  const known = await clients.known(server, authorizationServer);

  signal.throwIfAborted();
  const state = newState();
  const wait = await parts.redirects.open(state, portOf(known?.redirectUri));
  let client = known;
  try {
    client ??= await clients.register(server, authorizationServer, wait.redirectUri, signal);
    const dpopKey = await keyFor(resource.wantsDpop, authorizationServer);
    const flow = { authorizationServer, client, resource, state, wait, dpopKey };
    const granted = await (wish.way === 'code' ? byCode(parts, wish, flow) : inBrowser(parts, wish, flow));
    const credential = credentialFrom(parts, wish, flow, granted);
    await wish.keep(credential);
    const { account } = credential;
    wait.answer({ kind: 'signed-in', account: account.label, server: server.id });
    return account;
  } catch (error) {
    wait.answer({ kind: 'failed', error, server: server.id });
    if (client !== undefined) await clients.forgetIfUnknown(client, error);
    throw error;
  } finally {
    wait.dispose();
  }
}

interface Flow {
  readonly authorizationServer: AuthorizationServer;
  readonly client: Client;
  readonly resource: ProtectedResource;
  readonly state: string;
  readonly wait: RedirectWait;
  /** What the tokens are to be bound to, where the resource wants that. */
  readonly dpopKey: Secret | undefined;
}

async function inBrowser(parts: SignInParts, wish: SignInWish, flow: Flow): Promise<Grant> {
  const { fetch, clock, openBrowser } = parts;
  const { signal } = wish;
  const { authorizationServer, client, resource, state, wait, dpopKey } = flow;
  const scopes = scopesFor(wish, resource);
  const loginHint = hintFor(wish);
  const built = await authorizationRequest(authorizationServer, client, {
    resource: resource.resource,
    redirectUri: wait.redirectUri,
    state,
    ...scopes,
    ...(loginHint !== undefined && { loginHint }),
    chooseAccount: loginHint === undefined && knowsSomebodyAt(parts.vault, authorizationServer.issuer),
  });
  const request = await pushIfRequired(fetch, built, signal);
  signal.throwIfAborted(); // No browser for a sign-in that was given up meanwhile.
  wish.pasted.expect(wait.redirectUri, state);
  if (!(await openBrowser(request.url, authorizationServer.issuer))) {
    throw new BrokerError('browser_unavailable', 'The browser could not be opened.');
  }
  const arrived = () => Promise.race([wait.arrived, wish.pasted.arrived]);
  const redirect = await withinLimit(clock, browserLimitMs, nobodyCameBack(), arrived, signal);
  const code = readAuthorizationResponse(request, redirect);
  const tokens = await exchangeCode(fetch, request, code, clock.nowMs(), signal, dpopKey);
  return { tokens, scopes: request.scopes };
}

function byCode(parts: SignInParts, wish: SignInWish, flow: Flow): Promise<Grant> {
  const { server, signal } = wish;
  const { authorizationServer, client, resource, dpopKey } = flow;
  const own = { server: server.id, resource: resource.resource, ...(dpopKey && { dpopKey }) };
  const asked = { ...own, ...scopesFor(wish, resource) };
  return authorizeByCode(parts, authorizationServer, client, asked, signal);
}

function scopesFor(
  { server, moreScopes }: SignInWish,
  resource: ProtectedResource,
): { readonly scopes?: readonly string[] } {
  const own = server.auth.scopes ?? resource.scopes;
  return own === undefined && moreScopes.length === 0 ? {} : { scopes: [...(own ?? []), ...moreScopes] };
}

function credentialFrom(
  { clock }: SignInParts,
  wish: SignInWish,
  { authorizationServer, client, resource, dpopKey }: Flow,
  { tokens, scopes }: Grant,
): Credential {
  const account = identify(authorizationServer.issuer, tokens);
  requireWanted(account, wish);
  return {
    account,
    client,
    resource: resource.resource,
    generation: 1,
    scopes: tokens.scopes ?? scopes,
    tokens: tokensFrom(tokens, clock.nowMs(), undefined, dpopKey),
  };
}

/** An account without a subject has no name that the authorization server would know. */
function hintFor({ account, server }: SignInWish): string | undefined {
  return account === undefined || account.subject === '' ? server.auth.account : account.label;
}

const knowsSomebodyAt = (vault: CredentialVault, issuer: string): boolean =>
  vault.list().some(({ account }) => account.issuer === issuer);

function portOf(redirectUri: string | undefined): number | undefined {
  return redirectUri === undefined ? undefined : Number(new URL(redirectUri).port);
}

/** An account of an authorization server that the resource has left cannot come back; whoever comes is chosen anew. */
function requireWanted(account: Account, { account: same, server }: SignInWish): void {
  const pinned = server.auth.account;
  const isSame = same === undefined || same.issuer !== account.issuer || sameAccount(account, same);
  const isWanted = isSame && (pinned === undefined || isCalled(account, pinned));
  if (isWanted) return;
  throw new BrokerError('wrong_account', 'Somebody else signed in.', {
    details: { wanted: same?.label ?? pinned ?? '', got: account.label },
  });
}

const nobodyCameBack = (): BrokerError =>
  new BrokerError('sign_in_timeout', 'Nobody came back from the browser.');

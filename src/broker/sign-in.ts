import { isCalled, sameAccount, type Account } from '../core/account.js';
import type { Client } from '../core/client.js';
import type { Credential } from '../core/credential.js';
import { BrokerError } from '../core/errors.js';
import type { Clock, Fetch, Log, OpenBrowser, RedirectReceiver, RedirectWait } from '../core/ports.js';
import type { Questions } from '../core/questions.js';
import type { Server } from '../core/server.js';
import { authorizationRequest, newState, readAuthorizationResponse } from '../oauth/authorization.js';
import type { AuthorizationServer } from '../oauth/authorization-server.js';
import { identify } from '../oauth/identity.js';
import { discoverResource, type ProtectedResource } from '../oauth/protected-resource.js';
import { exchangeCode } from '../oauth/token-request.js';
import type { CredentialVault } from '../vault/credentials.js';
import { requireOwnIssuer, type Clients } from './clients.js';
import { tokensFrom } from './generation.js';
import { chooseIssuer } from './issuer-choice.js';
import type { Issuers } from './issuers.js';

/** Time to find a password and a second factor; after that the tab has been forgotten. */
const browserLimitMs = 5 * 60_000;

export interface SignInParts {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly log: Log;
  readonly openBrowser: OpenBrowser;
  readonly redirects: RedirectReceiver;
  readonly vault: CredentialVault;
  readonly issuers: Issuers;
  readonly clients: Clients;
  readonly questions: Questions;
}

/** Who may come back from the browser. */
export interface SignInWish {
  readonly server: Server;
  /** Only this account will do: it signs in again. */
  readonly account?: Account;
  /**
   * Keeps what was granted, and resolves when it is durable. The browser's tab waits for it, so that it never says
   * "signed in" about something that is lost.
   */
  readonly keep: (credential: Credential) => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * One sign-in from discovery to a kept credential: discovery → registration → browser and redirect → exchange →
 * identity → keep. The browser's tab says how it ended.
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
  requireOwnIssuer(server, wish.account?.issuer, authorizationServer.issuer);
  const known = await clients.known(server, authorizationServer);

  signal.throwIfAborted();
  const state = newState();
  const wait = await parts.redirects.open(state, portOf(known?.redirectUri));
  let client = known;
  try {
    client ??= await clients.register(server, authorizationServer, wait.redirectUri, signal);
    const credential = await authorize(parts, wish, { authorizationServer, client, resource, state, wait });
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
}

async function authorize(parts: SignInParts, wish: SignInWish, flow: Flow): Promise<Credential> {
  const { fetch, clock, openBrowser } = parts;
  const { server, signal } = wish;
  const { authorizationServer, client, resource, state, wait } = flow;
  const scopes = server.auth.scopes ?? resource.scopes;
  const loginHint = hintFor(wish);
  const request = await authorizationRequest(authorizationServer, client, {
    resource: resource.resource,
    redirectUri: wait.redirectUri,
    state,
    ...(scopes !== undefined && { scopes }),
    ...(loginHint !== undefined && { loginHint }),
    chooseAccount: loginHint === undefined && knowsSomebodyAt(parts.vault, authorizationServer.issuer),
  });
  signal.throwIfAborted(); // No browser for a sign-in that was given up meanwhile.
  if (!(await openBrowser(request.url, authorizationServer.issuer))) {
    throw new BrokerError('browser_unavailable', 'The browser could not be opened.');
  }
  const redirect = await withinLimit(clock, wait.arrived, signal);
  const code = readAuthorizationResponse(request, redirect);
  const granted = await exchangeCode(fetch, request, code, clock.nowMs(), signal);
  const account = identify(authorizationServer.issuer, granted);
  requireWanted(account, wish);
  return {
    account,
    client,
    resource: resource.resource,
    generation: 1,
    scopes: granted.scopes ?? request.scopes,
    tokens: tokensFrom(granted, clock.nowMs()),
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

async function withinLimit<T>(clock: Clock, work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    const onTimeout = () => reject(new BrokerError('sign_in_timeout', 'Nobody came back from the browser.'));
    const timer = clock.after(browserLimitMs, onTimeout);
    signal.addEventListener('abort', onAbort, { once: true });
    const settled = () => {
      timer.dispose();
      signal.removeEventListener('abort', onAbort);
    };
    work.then(resolve, reject).finally(settled);
  });
}

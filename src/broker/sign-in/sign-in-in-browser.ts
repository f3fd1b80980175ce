import type { Client } from '../../core/client.js';
import { BrokerError } from '../../core/errors.js';
import type { Clock, Fetch, OpenBrowser, RedirectReceiver, RedirectWait } from '../../core/ports.js';
import { withinLimit } from '../../core/waiting.js';
import {
  authorizationRequest,
  newState,
  readAuthorizationResponse,
  scopesToAskFor,
} from '../../oauth/authorization.js';
import { pushIfRequired } from '../../oauth/pushed-request.js';
import { exchangeCode } from '../../oauth/token-request.js';
import type { CredentialVault } from '../../vault/credentials.js';
import type { Clients } from './clients.js';
import { signInAsClient } from './sign-in-as-client.js';
import type { Finished, Flow, SignInWish } from './sign-in.js';
import type { Grant } from './sign-in-by-code.js';

/** Time to find a password and a second factor; after that the tab has been forgotten. */
const browserLimitMs = 5 * 60_000;

export interface BrowserParts {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly openBrowser: OpenBrowser;
  readonly redirects: RedirectReceiver;
  readonly vault: CredentialVault;
  readonly clients: Clients;
}

/**
 * Sends the user to the browser and waits for the redirect: an address to come back to → a client that may → request →
 * redirect → exchange.
 * @param finish - makes an account of what was granted, and keeps it; the browser's tab waits for it
 * @returns what `finish` did
 * @throws BrokerError as `signIn`
 */
export async function signInInBrowser(
  parts: BrowserParts,
  wish: SignInWish,
  flow: Flow,
  finish: (client: Client, granted: Grant) => Promise<Finished>,
): Promise<Finished> {
  const { clients } = parts;
  const { server, signal } = wish;
  const { authorizationServer, likely } = flow;
  const wanted = wish.account?.label ?? server.auth.account;
  const found = await clients.known(server, authorizationServer, wish.questions, { wanted, likely });
  const known = found?.client;
  signal.throwIfAborted();
  const waits: RedirectWait[] = [];
  const comeBack = async (asking: Parameters<RedirectReceiver['open']>[1]) => {
    waits.pop()?.dispose();
    const state = newState();
    const wait = await parts.redirects.open(state, asking);
    waits.push(wait);
    return { state, wait };
  };
  // Where no registration is offered, the user will type in a client that was registered by hand.
  const isToBeEntered = known === undefined && authorizationServer.registration_endpoint === undefined;
  try {
    const scopes = scopesToAskFor(authorizationServer, flow.scopes);
    const finished = await signInAsClient(clients, authorizationServer, known, {
      choose: async () => {
        let back = await comeBack(isToBeEntered ? { source: 'entered' } : known);
        const client = await clients.fitting(known, wish, authorizationServer, scopes, {
          redirectUri: back.wait.redirectUri,
          forEntered: async () => {
            if (!isToBeEntered) back = await comeBack({ source: 'entered' });
            return back.wait.registrableUri;
          },
        });
        // Whoever is only likely to come does not keep others out.
        const domain = client === known && wanted !== undefined ? found?.domain : undefined;
        const asked = { ...flow, ...back, client, ...(domain && { domain }) };
        return { client, authorize: () => authorize(parts, wish, asked) };
      },
      finish,
    });
    const { account, missing = [], lost = [], again } = finished;
    const about = { account: account.label, server: server.id };
    waits[0]?.answer(
      again === undefined ? { kind: 'signed-in', ...about, missing, lost } : { kind: 'once-more', ...about },
    );
    return finished;
  } catch (error) {
    waits[0]?.answer({ kind: 'failed', error, server: server.id });
    throw error;
  } finally {
    waits[0]?.dispose();
  }
}

async function authorize(
  { fetch, clock, openBrowser, vault }: BrowserParts,
  wish: SignInWish,
  flow: Flow & {
    readonly client: Client;
    readonly state: string;
    readonly wait: RedirectWait;
    readonly domain?: string;
  },
): Promise<Grant> {
  const { signal } = wish;
  const { authorizationServer, client, resource, scopes, isCovered, state, wait, domain, dpopKey } = flow;
  const loginHint = hintFor(wish, authorizationServer.issuer);
  const built = await authorizationRequest(authorizationServer, client, {
    resource: resource.resource,
    redirectUri: wait.redirectUri,
    state,
    ...(scopes && { scopes }),
    ...(loginHint !== undefined && { loginHint }),
    ...(domain !== undefined && { domain }),
    chooseAccount: loginHint === undefined && knowsSomebodyAt(vault, authorizationServer.issuer),
    ...(isCovered === true && { mustConsent: false }),
    ...(dpopKey && { dpopKey }),
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

/**
 * An account without a subject has no name that the authorization server would know, and who somebody is at one is not
 * for another to know, which the server may have named in its place.
 */
function hintFor({ account, server }: SignInWish, issuer: string): string | undefined {
  if (account !== undefined && account.issuer !== issuer) return undefined;
  return account === undefined || account.subject === '' ? server.auth.account : account.label;
}

const knowsSomebodyAt = (vault: CredentialVault, issuer: string): boolean =>
  vault.list().some(({ account }) => account.issuer === issuer);

const nobodyCameBack = (): BrokerError =>
  new BrokerError('sign_in_timeout', 'Nobody came back from the browser.');

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ClientMetadata } from 'oidc-provider';
import { buildProvider, makeSigningKey } from './authorization-provider.js';
import {
  type AuthorizationCounts,
  type AuthorizationEvent,
  AuthorizationRecord,
} from './authorization-record.js';
import { AuthorizationStorage } from './authorization-storage.js';
import { applyFault, type Fault, FaultPlan } from './faults.js';
import { listen } from './listener.js';
import { LoginRoutes } from './login-routes.js';
import { alice, bob, type TestUser } from './test-users.js';

export interface AuthorizationServerOptions {
  /** A loopback address, `[::1]` by default: there it shares no cookies with what runs on 127.0.0.1. */
  readonly host?: string;
  /** Fixed only by somebody who wants to come back at the same address, as the demo and the restart tests do. */
  readonly port?: number;
  readonly accessTokenSeconds?: number;
  readonly users?: readonly TestUser[];
  /** What a token for a resource says it is for; the resource, unless a test wants an issuer that gets it wrong. */
  readonly audienceFor?: (resource: string) => string;
  /** Whether clients may register themselves. */
  readonly registration?: boolean;
  /** Whether they may delete that again (RFC 7592). */
  readonly registrationManagement?: boolean;
  /** Whether every authorization request must be sent ahead (RFC 9126). */
  readonly pushedRequests?: boolean;
  /** Whether whoever may have a refresh token gets one without `offline_access`, which takes a consent. */
  readonly freeRefreshTokens?: boolean;
  /** Whether it binds tokens to keys (RFC 9449), and then demands its own nonce in every proof. */
  readonly bindsTokens?: boolean;
  readonly clients?: readonly ClientMetadata[];
  /** The metadata documents that clients may name themselves by, which are served at their ids. */
  readonly clientDocuments?: readonly ClientMetadata[];
  /** Looks at every request first. @returns whether it has answered */
  readonly extraRoutes?: (req: IncomingMessage, res: ServerResponse) => boolean;
}

/** The endpoints a fault can be planned for by name. */
type Endpoint = keyof typeof pathOf;

const pathOf = {
  authorization: '/auth',
  token: '/token',
  revocation: '/token/revocation',
  introspection: '/token/introspection',
  registration: '/reg',
  jwks: '/jwks',
  'oauth-metadata': '/.well-known/oauth-authorization-server',
  'openid-metadata': '/.well-known/openid-configuration',
} as const;

/** A real authorization server on loopback, with levers for what real ones only do on bad days. */
export interface TestAuthorizationServer {
  readonly issuer: string;
  readonly port: number;
  readonly tokenEndpoint: string;
  readonly users: readonly TestUser[];
  /** What happened, in order. Holds no secret. */
  readonly events: readonly AuthorizationEvent[];
  /** Every token, code, client secret and registration access token ever handed out, for a leak test to look for. */
  readonly issuedSecrets: ReadonlySet<string>;
  /** Those of them that are authorization codes, which every browser's history remembers from the redirect. */
  readonly authorizationCodes: ReadonlySet<string>;
  /** Counts of one user, or of everybody. What happens before anybody is signed in counts only for everybody. */
  counts(subject?: string): AuthorizationCounts;
  /** How many families of tokens somebody could renew with. */
  liveGrants(): number;
  /** The first event, past or future, that `matches`. */
  occurrence(matches: (event: AuthorizationEvent) => boolean): Promise<AuthorizationEvent>;
  /** The life of the access tokens issued from now on. */
  setAccessTokenSeconds(seconds: number): void;
  /** All grants of a user die: refreshing answers `invalid_grant`. Access tokens already out live to their end. */
  revokeGrants(subject: string): void;
  /** Every registered client is unknown from now on (`invalid_client`); those given at start remain. */
  forgetClients(): void;
  /** The next `times` requests to a path, or to an endpoint by its name, meet `fault`. */
  failNext(place: Endpoint | `/${string}`, fault: Fault, times?: number): void;
  /** Cuts every connection, and nobody answers any more until `plugIn`. Grants and what else is known are kept. */
  unplug(): Promise<void>;
  plugIn(): Promise<void>;
  /** Cuts every connection. Nothing is kept: a server started again at the same address knows nobody. */
  close(): Promise<void>;
}

/** Starts an authorization server that is ready when the promise resolves, and prints nothing. */
export async function startAuthorizationServer(
  options: AuthorizationServerOptions = {},
): Promise<TestAuthorizationServer> {
  const { users = [alice, bob], clients = [], clientDocuments = [] } = options;
  const { registration = true, registrationManagement = true, pushedRequests = false } = options;
  let { accessTokenSeconds = 5 } = options;
  const signingKey = await makeSigningKey();
  const listener = await listen(options.host ?? '[::1]', options.port);
  const issuer = listener.origin;
  const storage = new AuthorizationStorage();
  const record = new AuthorizationRecord();
  const faults = new FaultPlan();
  const provider = buildProvider({
    issuer,
    signingKey,
    storage,
    users,
    clients,
    clientDocuments,
    registration,
    audienceFor: options.audienceFor ?? ((resource) => resource),
    freeRefreshTokens: options.freeRefreshTokens ?? false,
    bindsTokens: options.bindsTokens ?? false,
    registrationManagement,
    pushedRequests,
    accessTokenSeconds: () => accessTokenSeconds,
  });
  record.observe(provider);
  for (const { client_secret: secret } of clients) if (secret !== undefined) record.issuedSecrets.add(secret);
  const login = new LoginRoutes(provider, users, record);
  const answer = provider.callback();

  listener.serve(async (req, res) => {
    if (options.extraRoutes?.(req, res) === true) return;
    const { pathname } = new URL(req.url ?? '/', issuer);
    const fault = faults.take(pathname);
    if (fault !== undefined) {
      record.note('fault', {
        error: `${pathname} ${typeof fault === 'string' ? fault : String(fault.status)}`,
      });
      if (applyFault(fault, req, res)) return;
    }
    if (await login.answer(req, res)) return;
    await answer(req, res);
  });

  return {
    issuer,
    port: listener.port,
    tokenEndpoint: issuer + pathOf.token,
    users,
    events: record.events,
    issuedSecrets: record.issuedSecrets,
    authorizationCodes: record.authorizationCodes,
    counts: (subject) => record.counts(subject),
    liveGrants: () => storage.liveGrants(),
    occurrence: (matches) => record.occurrence(matches),
    setAccessTokenSeconds: (seconds) => {
      accessTokenSeconds = seconds;
    },
    revokeGrants: (subject) => {
      storage.revokeGrantsOf(subject);
      record.note('grants-revoked', { subject });
    },
    forgetClients: () => {
      storage.forgetClients();
      record.note('clients-forgotten');
    },
    failNext: (place, fault, times) =>
      faults.failNext(place in pathOf ? pathOf[place as Endpoint] : place, fault, times),
    unplug: () => listener.close(),
    plugIn: () => listener.reopen(),
    close: () => listener.close(),
  };
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TestUser } from '../test-users.js';
import { type AuthorizationCounts, type AuthorizationEvent } from '../authorization-record.js';
import { type Fault } from '../faults.js';
import { listen } from '../listener.js';
import { addressesAt, type GoogleAddresses } from './google-addresses.js';
import type { GoogleClient } from './google-clients.js';
import type { Restriction } from './google-consents.js';
import type { AccessToken } from './google-tokens.js';
import { GoogleStandIn } from './google-stand-in.js';
import { makeGoogleKey } from './id-tokens.js';
import type { IdTokens } from './id-tokens.js';
import type { ServiceAccount } from './service-accounts.js';
import type { WorkforceLogin, WorkloadPool } from './token-exchange.js';

export interface GoogleOptions {
  /** A loopback address, `[::1]` by default. */
  readonly host?: string;
  readonly port?: number;
  readonly clients?: readonly GoogleClient[];
  readonly users?: readonly TestUser[];
  /** 3599 as Google's, unless told otherwise. */
  readonly accessTokenSeconds?: number;
}

/** The endpoints a fault can be planned for by name. */
export type GoogleEndpoint = Exclude<keyof GoogleAddresses, 'issuer' | 'iamCredentials'> | 'discovery';

/** Google's authorization server on loopback, with levers for what the real one does on its own days. */
export interface TestGoogle {
  readonly addresses: GoogleAddresses;
  /** As `addresses.issuer`. */
  readonly issuer: string;
  readonly users: readonly TestUser[];
  readonly events: readonly AuthorizationEvent[];
  readonly issuedSecrets: ReadonlySet<string>;
  readonly authorizationCodes: ReadonlySet<string>;
  /** As `google-auth-library` wants them in its option `endpoints`. */
  readonly libraryEndpoints: Readonly<Record<string, string>>;
  /** Every request, as `POST /token`, in order. */
  readonly requests: readonly string[];
  counts(subject?: string): AuthorizationCounts;
  occurrence(matches: (event: AuthorizationEvent) => boolean): Promise<AuthorizationEvent>;
  /** For whom an access token speaks; `undefined` when it is none, or none any more. */
  inspect(accessToken: string): AccessToken | undefined;
  readonly idTokens: IdTokens;
  /** Moves Google's clock on: tokens, and what was granted to apps in Testing, reach their end. */
  advanceClock(byMs: number): void;
  /** Google's clock, in milliseconds since the epoch. */
  nowMs(): number;
  setAccessTokenSeconds(seconds: number): void;
  /** How many refresh tokens an account may have from one client before the oldest dies. */
  setRefreshTokenLimit(limit: number): void;
  /** Whether each renewal brings another refresh token and spends the old one, which Google's do not. */
  setRotation(rotates: boolean): void;
  /** A person withdraws what they have allowed, all of it or one client's: every token of it is dead. */
  revokeAccess(subject: string, clientId?: string): Promise<void>;
  /** The organization turns an account away; `session-control` lasts until the next login with a password. */
  restrict(subject: string, restriction: Restriction | undefined): void;
  /** As if somebody had signed in somewhere else, with another program. */
  signedInElsewhere(
    user: TestUser,
    client: GoogleClient,
    scopes: readonly string[],
  ): Promise<{ readonly accessToken: string; readonly refreshToken: string }>;
  addServiceAccount(
    name: string,
    options?: Partial<Pick<ServiceAccount, 'delegation' | 'tokenCreators'>>,
  ): ServiceAccount;
  addWorkloadPool(name: string): WorkloadPool;
  addWorkforceLogin(subject: string): WorkforceLogin;
  /** The next `times` requests to an endpoint meet `fault`. */
  failNext(endpoint: GoogleEndpoint, fault: Fault, times?: number): void;
  /** Answers a request that has come in somewhere else. @returns whether it was for Google */
  answer(req: IncomingMessage, res: ServerResponse): Promise<boolean>;
  close(): Promise<void>;
}

/** Starts it at one origin on loopback, where all endpoints have the paths of the real ones. */
export async function startGoogle(options: GoogleOptions = {}): Promise<TestGoogle> {
  const listener = await listen(options.host ?? '[::1]', options.port);
  const google = new GoogleStandIn(addressesAt(listener.origin), await makeGoogleKey(), options);
  listener.serve(async (req, res) => {
    if (await google.answer(req, res)) return;
    res.writeHead(404, { 'content-type': 'text/html' });
    res.end('<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>');
  });
  return Object.assign(google, { close: () => listener.close() });
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Provider } from 'oidc-provider';
import { AuthorizationRecord } from '../authorization-record.js';
import { AuthorizationStorage } from '../authorization-storage.js';
import { applyFault, type Fault, FaultPlan } from '../faults.js';
import { readBody } from '../listener.js';
import { errorPage } from '../login-pages.js';
import { show } from '../login-routes.js';
import type { TestUser } from '../test-users.js';
import { BrowserAccounts } from './browser-accounts.js';
import type { GoogleAddresses } from './google-addresses.js';
import { type Answer, refusal, send } from './google-answers.js';
import { allowsRedirect, type GoogleClient } from './google-clients.js';
import { allow, Consents, type Restriction } from './google-consents.js';
import { googleMetadata } from './google-metadata.js';
import { GoogleLogin } from './google-login.js';
import { buildGoogleProvider, type GoogleState } from './google-provider.js';
import { knownScopes, writtenOut } from './google-scopes.js';
import type { GoogleEndpoint, GoogleOptions, TestGoogle } from './google-server.js';
import { GoogleTokenEndpoint } from './google-token-endpoint.js';
import { type AccessToken, AccessTokens, GoogleClock, RefreshTokens } from './google-tokens.js';
import { IamCredentials } from './iam-credentials.js';
import { asPem, type GoogleKey, IdTokens } from './id-tokens.js';
import { type ServiceAccount, ServiceAccounts } from './service-accounts.js';
import { TokenExchange } from './token-exchange.js';
import { tokenInfo, userInfo } from './token-info.js';
import { alice, bob, carol } from './google-users.js';

/** All of Google's endpoints, wherever their addresses are: whoever listens hands the requests in. */
export class GoogleStandIn implements Omit<TestGoogle, 'close'> {
  readonly issuer: string;
  readonly users: readonly TestUser[];
  readonly idTokens: IdTokens;
  readonly requests: string[] = [];
  readonly #record = new AuthorizationRecord();
  readonly #clock = new GoogleClock();
  readonly #faults = new FaultPlan();
  readonly #refresh = new RefreshTokens(this.#clock);
  readonly #access: AccessTokens;
  readonly #state: GoogleState;
  readonly #provider: Provider;
  readonly #storage = new AuthorizationStorage();
  readonly #login: GoogleLogin;
  readonly #tokenEndpoint: GoogleTokenEndpoint;
  readonly #serviceAccounts: ServiceAccounts;
  readonly #exchange: TokenExchange;
  readonly #iam: IamCredentials;
  readonly #callback: (req: IncomingMessage, res: ServerResponse) => Promise<void>;

  constructor(
    readonly addresses: GoogleAddresses,
    private readonly key: GoogleKey,
    { clients = [], users = [alice, bob, carol], accessTokenSeconds = 3599 }: GoogleOptions,
  ) {
    const { issuedSecrets } = this.#record;
    this.issuer = addresses.issuer;
    this.users = users;
    this.#access = new AccessTokens(this.#clock, issuedSecrets);
    this.idTokens = new IdTokens(this.issuer, key, issuedSecrets);
    this.#state = {
      users,
      clients: new Map(clients.map((client) => [client.id, client])),
      consents: new Consents(),
      grantings: new Map(),
      accounts: new BrowserAccounts(),
      restrictions: new Map(),
      accessTokenSeconds,
      rotates: false,
    };
    for (const { secret } of clients) issuedSecrets.add(secret);
    const seconds = () => this.#state.accessTokenSeconds;
    this.#serviceAccounts = new ServiceAccounts({
      tokenUrl: addresses.token,
      users,
      access: this.#access,
      idTokens: this.idTokens,
      clock: this.#clock,
      accessTokenSeconds: seconds,
    });
    this.#exchange = new TokenExchange(this.#access, this.#clock, issuedSecrets, seconds);
    this.#iam = new IamCredentials(this.#serviceAccounts, this.#access, this.idTokens);
    this.#provider = buildGoogleProvider(this.issuer, key, this.#storage, this.#state);
    this.#record.observe(this.#provider);
    this.#tokenEndpoint = new GoogleTokenEndpoint(
      this.#provider,
      this.#state,
      {
        access: this.#access,
        refresh: this.#refresh,
        clock: this.#clock,
        serviceAccounts: this.#serviceAccounts,
      },
      addresses.devicePage,
    );
    this.#login = new GoogleLogin(this.#provider, this.#state, this.#record);
    this.#callback = this.#provider.callback();
  }

  get events() {
    return this.#record.events;
  }

  get issuedSecrets(): ReadonlySet<string> {
    return this.#record.issuedSecrets;
  }

  get authorizationCodes(): ReadonlySet<string> {
    return this.#record.authorizationCodes;
  }

  get libraryEndpoints(): Readonly<Record<string, string>> {
    const { authorization, token, revoke, tokenInfo: info, pemCertificates, jwks } = this.addresses;
    return {
      oauth2AuthBaseUrl: authorization,
      oauth2TokenUrl: token,
      oauth2RevokeUrl: revoke,
      tokenInfoUrl: info,
      oauth2FederatedSignonPemCertsUrl: pemCertificates,
      oauth2FederatedSignonJwkCertsUrl: jwks,
    };
  }

  counts(subject?: string) {
    return this.#record.counts(subject);
  }

  occurrence(matches: Parameters<AuthorizationRecord['occurrence']>[0]) {
    return this.#record.occurrence(matches);
  }

  inspect(accessToken: string): AccessToken | undefined {
    return this.#access.find(accessToken);
  }

  advanceClock(byMs: number): void {
    this.#clock.advance(byMs);
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  setAccessTokenSeconds(seconds: number): void {
    this.#state.accessTokenSeconds = seconds;
  }

  setRefreshTokenLimit(limit: number): void {
    this.#refresh.limit = limit;
  }

  setRotation(rotates: boolean): void {
    this.#state.rotates = rotates;
  }

  async revokeAccess(subject: string, clientId?: string): Promise<void> {
    for (const grantId of this.#state.consents.of(subject, clientId)) await this.#endGrant(grantId);
    this.#record.note('grants-revoked', { subject, clientId });
  }

  restrict(subject: string, restriction: Restriction | undefined): void {
    if (restriction === undefined) this.#state.restrictions.delete(subject);
    else this.#state.restrictions.set(subject, restriction);
  }

  async signedInElsewhere(user: TestUser, client: GoogleClient, scopes: readonly string[]) {
    const { Client, RefreshToken } = this.#provider;
    const scope = scopes.join(' ');
    const whose = { subject: user.subject, clientId: client.id };
    const grantId = await allow(this.#provider, this.#state.consents, { ...whose, allowed: scopes });
    const owner = await Client.find(client.id);
    if (owner === undefined) throw new Error(`There is no client ${client.id}.`);
    const refreshToken = await new RefreshToken({
      ...{ client: owner, accountId: user.subject, grantId, scope, gty: 'authorization_code' },
    }).save();
    this.#record.issuedSecrets.add(refreshToken);
    return this.#tokenEndpoint.adopt(refreshToken, { subject: user.subject, client, scopes, grantId });
  }

  addServiceAccount(
    name: string,
    options: Partial<Pick<ServiceAccount, 'delegation' | 'tokenCreators'>> = {},
  ): ServiceAccount {
    return this.#serviceAccounts.add(name, options);
  }

  addWorkloadPool(name: string) {
    return this.#exchange.addPool(name);
  }

  addWorkforceLogin(subject: string) {
    return this.#exchange.addWorkforceLogin(subject);
  }

  failNext(endpoint: GoogleEndpoint, fault: Fault, times?: number): void {
    this.#faults.failNext(endpoint, fault, times);
  }

  async answer(req: IncomingMessage, res: ServerResponse): Promise<boolean> {
    const url = new URL(req.url ?? '/', `${isSecure(req) ? 'https' : 'http'}://${req.headers.host ?? ''}`);
    const endpoint = this.#endpoint(url);
    if (endpoint === undefined) return false;
    this.requests.push(`${req.method ?? ''} ${url.pathname}`);
    const fault = this.#faults.take(endpoint);
    if (fault !== undefined) {
      this.#record.note('fault', { error: endpoint });
      if (applyFault(fault, req, res)) return true;
    }
    await this.#serve(endpoint, url, req, res);
    return true;
  }

  #endpoint(url: URL): GoogleEndpoint | 'pages' | 'iam' | undefined {
    const address = url.origin + url.pathname;
    const { issuer, iamCredentials, ...endpoints } = this.addresses;
    const named = Object.entries(endpoints).find(([, known]) => known === address)?.[0];
    if (named !== undefined) return named as GoogleEndpoint;
    if (address === `${issuer}/.well-known/openid-configuration`) return 'discovery';
    if (url.origin === new URL(iamCredentials).origin && this.#iam.serves(url.pathname)) return 'iam';
    const isPage = /^\/(signin|device|o\/oauth2\/v2\/auth)\//.test(url.pathname);
    return url.origin === issuer && isPage ? 'pages' : undefined;
  }

  async #serve(
    endpoint: GoogleEndpoint | 'pages' | 'iam',
    url: URL,
    req: IncomingMessage,
    res: ServerResponse,
  ): Promise<void> {
    const { authorization } = req.headers;
    switch (endpoint) {
      case 'discovery': {
        send(res, { status: 200, body: googleMetadata(this.addresses) });
        return;
      }
      case 'authorization':
        return this.#authorize(url, req, res);
      case 'pages':
        if (!(await this.#login.answer(req, res))) await this.#callback(req, res);
        return;
      case 'devicePage':
      case 'jwks':
        return this.#callback(req, res);
      case 'pemCertificates': {
        send(res, { status: 200, body: asPem(this.key) });
        return;
      }
      case 'token':
        return this.#tokenEndpoint.token(req, res, await readBody(req));
      case 'deviceCode':
        return this.#tokenEndpoint.deviceCode(req, res, await readBody(req));
      case 'revoke': {
        send(res, await this.#revoke(form(await readBody(req), url)));
        return;
      }
      case 'tokenInfo': {
        const asked = form(await readBody(req), url);
        send(res, await tokenInfo(asked, authorization, this.#access, this.idTokens, this.#clock));
        return;
      }
      case 'userInfo': {
        send(res, userInfo(authorization, this.#access));
        return;
      }
      case 'sts': {
        send(res, await this.#exchange.exchange(form(await readBody(req), url)));
        return;
      }
      case 'stsOAuthToken': {
        send(res, this.#exchange.renew(form(await readBody(req), url), authorization));
        return;
      }
      case 'iam': {
        send(res, await this.#iam.answer(url.pathname, authorization, await readBody(req)));
        return;
      }
    }
  }

  /** Google shows most mistakes to the person at the browser, and redirects nobody with them. */
  async #authorize(url: URL, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { searchParams: asked } = url;
    const client = this.#state.clients.get(asked.get('client_id') ?? '');
    const refuse = (status: number, error: string, why: string) =>
      show(res, status, errorPage(`Error ${status}: ${error}`, why));
    if (client === undefined) {
      refuse(401, 'invalid_client', 'The OAuth client was not found.');
      return;
    }
    const redirectUri = asked.get('redirect_uri') ?? '';
    if (!allowsRedirect(client, redirectUri)) {
      const why = `You can’t sign in because ${client.name} sent an invalid request. redirect_uri=${redirectUri}`;
      refuse(400, 'redirect_uri_mismatch', why);
      return;
    }
    const scopes = writtenOut(asked.get('scope') ?? '');
    const isKnown = (scope: string) => knownScopes.includes(scope);
    if (scopes.length === 0) {
      refuse(400, 'invalid_request', 'Missing required parameter: scope');
      return;
    }
    if (!scopes.every(isKnown)) {
      const [valid, invalid] = [scopes.filter(isKnown), scopes.filter((scope) => !isKnown(scope))];
      const named = `{valid=[${valid.join(', ')}], invalid=[${invalid.join(', ')}]}`;
      refuse(400, 'invalid_scope', `Some requested scopes were invalid. ${named}`);
      return;
    }
    asked.set('scope', scopes.join(' '));
    req.url = url.pathname + url.search;
    return this.#callback(req, res);
  }

  /** Any token of a consent ends all of it. Nobody has to say which client is asking. */
  async #revoke(asked: URLSearchParams): Promise<Answer> {
    const token = asked.get('token') ?? '';
    const grantId = this.#access.find(token)?.grantId ?? this.#refresh.find(token)?.grantId;
    if (grantId === undefined) return refusal(400, 'invalid_token', 'Token expired or revoked');
    const grant = await this.#provider.Grant.find(grantId);
    this.#record.note('revoked', { subject: grant?.accountId, clientId: grant?.clientId });
    await this.#endGrant(grantId);
    return { status: 200, body: {} };
  }

  async #endGrant(grantId: string): Promise<void> {
    this.#storage.revokeGrant(grantId);
    this.#state.consents.forget(grantId);
    this.#access.forgetGrant(grantId);
    this.#refresh.forgetGrant(grantId);
    return Promise.resolve();
  }
}

const isSecure = ({ socket }: IncomingMessage): boolean => (socket as Partial<TLSSocket>).encrypted === true;

/** Google takes parameters from the query as well. */
function form(body: string, { searchParams }: URL): URLSearchParams {
  return new URLSearchParams([...searchParams, ...new URLSearchParams(body)]);
}

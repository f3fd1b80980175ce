import * as oauth from 'oauth4webapi';
import type { FormBrowser, Visit } from './form-browser.js';
import { listen } from './listener.js';

/** What an authorization request may say beyond what every one of them says. */
export interface AuthorizationChoice {
  readonly resource?: string;
  readonly scope?: string;
  /** Further parameters, such as `login_hint` and `prompt`; `undefined` removes one that is always there. */
  readonly parameters?: Readonly<Record<string, string | undefined>>;
}

// Marked as deprecated only to stand out: the test ground has no TLS, and never leaves loopback.
// eslint-disable-next-line @typescript-eslint/no-deprecated
const overHttp = { [oauth.allowInsecureRequests]: true };

/**
 * An ordinary native client, made of oauth4webapi alone: it shares no line with the broker, so what it can do
 * with the authorization server is what the server really allows.
 */
export class OAuthClient {
  readonly server: oauth.AuthorizationServer;
  readonly registration: oauth.Client;

  private constructor(server: oauth.AuthorizationServer, registration: oauth.Client) {
    this.server = server;
    this.registration = registration;
  }

  /** Discovers the issuer and registers as a public native client with refresh tokens. */
  static async register(issuer: string): Promise<OAuthClient> {
    const server = await discover(issuer, 'oauth2');
    const answer = await oauth.dynamicClientRegistrationRequest(
      server,
      {
        client_name: 'Contract Test Client',
        application_type: 'native',
        redirect_uris: ['http://127.0.0.1/callback'],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
      },
      overHttp,
    );
    return new OAuthClient(server, await oauth.processDynamicClientRegistrationResponse(answer));
  }

  /** Sends the user to the authorization endpoint and takes the redirect on a loopback listener of its own. */
  async authorize(browser: FormBrowser, choice: AuthorizationChoice = {}) {
    const listener = await listen('127.0.0.1');
    listener.serve((_req, res) => void res.end('You can close this page.'));
    const redirectUri = `${listener.origin}/callback`;
    const verifier = oauth.generateRandomCodeVerifier();
    const state = oauth.generateRandomState();
    const url = new URL(this.server.authorization_endpoint ?? '');
    const parameters: Record<string, string | undefined> = {
      response_type: 'code',
      client_id: this.registration.client_id,
      redirect_uri: redirectUri,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      scope: choice.scope ?? 'openid email profile offline_access mcp:read mcp:write',
      // Without it no refresh token is given (OpenID Connect Core §11).
      prompt: 'consent',
      resource: choice.resource,
      state,
      ...choice.parameters,
    };
    for (const [name, value] of Object.entries(parameters)) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    const visit = await browser.open(url.href);
    await listener.close();
    return { visit, verifier, state, redirectUri };
  }

  /** Signs in and exchanges the code. @throws oauth.AuthorizationResponseError when the user declined */
  async signIn(browser: FormBrowser, choice: AuthorizationChoice = {}): Promise<oauth.TokenEndpointResponse> {
    const { visit, verifier, state, redirectUri } = await this.authorize(browser, choice);
    const answer = await oauth.authorizationCodeGrantRequest(
      this.server,
      this.registration,
      oauth.None(),
      this.#callback(visit, state),
      redirectUri,
      verifier,
      {
        ...overHttp,
        additionalParameters: choice.resource === undefined ? {} : { resource: choice.resource },
      },
    );
    return oauth.processAuthorizationCodeResponse(this.server, this.registration, answer);
  }

  /** @throws oauth.ResponseBodyError with the OAuth error code when the issuer refuses */
  async refresh(refreshToken: string | undefined): Promise<oauth.TokenEndpointResponse> {
    const answer = await oauth.refreshTokenGrantRequest(
      this.server,
      this.registration,
      oauth.None(),
      refreshToken ?? '',
      overHttp,
    );
    return oauth.processRefreshTokenResponse(this.server, this.registration, answer);
  }

  async revoke(token: string | undefined): Promise<void> {
    const answer = await oauth.revocationRequest(
      this.server,
      this.registration,
      oauth.None(),
      token ?? '',
      overHttp,
    );
    await oauth.processRevocationResponse(answer);
  }

  #callback(visit: Visit, state: string): URLSearchParams {
    return oauth.validateAuthResponse(this.server, this.registration, new URL(visit.finalUrl), state);
  }
}

/** Reads an issuer's metadata at the address of RFC 8414 or of OpenID Connect Discovery. */
export async function discover(
  issuer: string,
  algorithm: 'oauth2' | 'oidc',
): Promise<oauth.AuthorizationServer> {
  const url = new URL(issuer);
  const answer = await oauth.discoveryRequest(url, { algorithm, ...overHttp });
  return oauth.processDiscoveryResponse(url, answer);
}

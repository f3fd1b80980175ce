import { randomBytes } from 'node:crypto';
import { exportJWK, generateKeyPair } from 'jose';
import { type ClientMetadata, type Configuration, errors, interactionPolicy, Provider } from 'oidc-provider';
import { isLoopback } from '../../src/core/address.js';
import type { AuthorizationStorage } from './authorization-storage.js';
import { codePage, errorPage } from './login-pages.js';
import { isCalled, type TestUser } from './test-users.js';

/** What an MCP server of the test ground can be asked for; identity scopes belong to the issuer. */
const resourceScopes = ['mcp:read', 'mcp:write'] as const;

const deviceCodeSeconds = 600;

const longSeconds = 14 * 24 * 60 * 60;

/** A fresh RSA key, as oidc-provider wants it. Made before the server listens, because it takes a moment. */
export async function makeSigningKey() {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig' };
}

/**
 * Builds a strict authorization server: PKCE always, a rotated refresh token may be used once, a token is for one
 * resource. Everything that would make oidc-provider print a warning is configured.
 */
export function buildProvider(given: {
  readonly issuer: string;
  readonly signingKey: Awaited<ReturnType<typeof makeSigningKey>>;
  readonly storage: AuthorizationStorage;
  readonly users: readonly TestUser[];
  readonly clients: readonly ClientMetadata[];
  readonly clientDocuments: readonly ClientMetadata[];
  readonly registration: boolean;
  /** Whether it binds tokens to keys (RFC 9449), and then demands its own nonce in every proof. */
  readonly bindsTokens: boolean;
  /** Whether they may delete that again (RFC 7592). */
  readonly registrationManagement: boolean;
  /** Whether every authorization request must be sent ahead (RFC 9126). */
  readonly pushedRequests: boolean;
  /** Whether whoever may have a refresh token gets one without `offline_access`, which takes a consent. */
  readonly freeRefreshTokens: boolean;
  /** What a token for a resource says it is for. */
  readonly audienceFor: (resource: string) => string;
  /** Asked whenever an access token is issued, so that a test can change it. */
  readonly accessTokenSeconds: () => number;
}): Provider {
  const { users } = given;
  const userOf = (subject: string | undefined) => users.find((user) => user.subject === subject);
  return new Provider(given.issuer, {
    adapter: given.storage.adapter,
    clients: [...given.clients],
    jwks: { keys: [given.signingKey] },
    cookies: cookies(given.issuer),
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: (ctx, form) => {
          ctx.body = codePage('Enter the code', form);
        },
        userCodeConfirmSource: (ctx, form, _client, _device, userCode) => {
          ctx.body = codePage(`Is it ${userCode}?`, form);
        },
        successSource: (ctx) => {
          ctx.body = codePage('The device is signed in', '');
        },
      },
      pushedAuthorizationRequests: {
        enabled: true,
        requirePushedAuthorizationRequests: given.pushedRequests,
      },
      registration: { enabled: given.registration },
      registrationManagement: { enabled: given.registration && given.registrationManagement },
      ...(given.clientDocuments.length > 0 && {
        clientIdMetadataDocument: { enabled: true, ack: 'draft-02' },
      }),
      clientCredentials: { enabled: true },
      dPoP: { enabled: given.bindsTokens, nonceSecret: randomBytes(32), requireNonce: () => true },
      introspection: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => [],
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource) => {
          if (!isLoopback(new URL(resource)))
            throw new errors.InvalidTarget('this issuer serves loopback only');
          return {
            audience: given.audienceFor(resource),
            scope: resourceScopes.join(' '),
            accessTokenFormat: 'jwt',
            accessTokenTTL: given.accessTokenSeconds(),
            jwt: { sign: { alg: 'RS256' } },
          };
        },
      },
    },
    fetch: (url) => {
      const found = given.clientDocuments.find(({ client_id: id }) => id === new Request(url).url);
      return Promise.resolve(
        found === undefined ? new Response(null, { status: 404 }) : Response.json(found),
      );
    },
    responseTypes: ['code'],
    pkce: { required: () => true },
    rotateRefreshToken: true,
    ...(given.freeRefreshTokens && {
      issueRefreshToken: (_ctx, client) => Promise.resolve(client.grantTypeAllowed('refresh_token')),
    }),
    // Credentials outlive the browser's login session, as those of a desktop application do.
    expiresWithSession: () => Promise.resolve(false),
    ttl: {
      AccessToken: () => given.accessTokenSeconds(),
      AuthorizationCode: 60,
      ClientCredentials: () => given.accessTokenSeconds(),
      DeviceCode: deviceCodeSeconds,
      Grant: longSeconds,
      IdToken: 3600,
      Interaction: 3600,
      RefreshToken: longSeconds,
      Session: longSeconds,
    },
    scopes: ['openid', 'offline_access', 'profile', 'email'],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    // The client has no userinfo endpoint to ask, so the ID token says who signed in.
    conformIdTokenClaims: false,
    findAccount: (_ctx, subject) => {
      const user = userOf(subject);
      if (user === undefined) return undefined;
      const { name, email } = user;
      return { accountId: subject, claims: () => ({ sub: subject, name, email, email_verified: true }) };
    },
    extraTokenClaims: (_ctx, token) => {
      const user = 'accountId' in token ? userOf(token.accountId) : undefined;
      return user && { name: user.name, email: user.email };
    },
    // Each sign-in is a grant of its own: what revokes one leaves the user's other sign-ins alone.
    loadExistingGrant: (ctx) => {
      const grantId = ctx.oidc.result?.consent?.grantId;
      return grantId === undefined ? Promise.resolve(undefined) : ctx.oidc.provider.Grant.find(grantId);
    },
    interactions: { policy: interactions(users), url: (_ctx, { uid }) => `/interaction/${uid}` },
    discovery: { prompt_values_supported: ['none', 'login', 'consent', 'select_account'] },
    clientBasedCORS: () => false,
    renderError: (ctx, { error, error_description: description }) => {
      ctx.type = 'html';
      ctx.body = errorPage(error, description ?? '');
    },
  });
}

/** Browsers share cookies between the ports of a host, so two issuers would sign each other's user out. */
function cookies(issuer: string): NonNullable<Configuration['cookies']> {
  const { port } = new URL(issuer);
  return {
    keys: [randomBytes(32).toString('base64url')],
    names: { session: `session_${port}`, interaction: `interaction_${port}`, resume: `resume_${port}` },
    long: { signed: true, httpOnly: true, sameSite: 'lax' },
    short: { signed: true, httpOnly: true, sameSite: 'lax' },
  };
}

/** The usual questions, plus the choice of an account, and a login when the hint names somebody else. */
function interactions(users: readonly TestUser[]): interactionPolicy.DefaultPolicy {
  const policy = interactionPolicy.base();
  policy.add(new interactionPolicy.Prompt({ name: 'select_account', requestable: true }), 0);
  policy.get('login')?.checks.add(
    new interactionPolicy.Check('login_hint', 'somebody else is signed in', 'login_required', ({ oidc }) => {
      const hint = oidc.params?.['login_hint'];
      // A choice made on a page outweighs a hint.
      if (typeof hint !== 'string' || oidc.result?.login !== undefined) return false;
      const user = users.find(({ subject }) => subject === oidc.session?.accountId);
      return user !== undefined && !isCalled(user, hint) && oidc.result?.['select_account'] === undefined;
    }),
  );
  return policy;
}

import { randomBytes } from 'node:crypto';
import { interactionPolicy, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { AuthorizationStorage } from '../authorization-storage.js';
import { codePage, errorPage } from '../login-pages.js';
import { isCalled, type TestUser } from '../test-users.js';
import type { BrowserAccounts } from './browser-accounts.js';
import { allowsRedirect, type GoogleClient, metadataOf } from './google-clients.js';
import type { Consents, Granting, Restriction } from './google-consents.js';
import { identityScopes, knownScopes } from './google-scopes.js';
import { hostedDomain } from './google-users.js';
import type { GoogleKey } from './id-tokens.js';

const { Check, Prompt } = interactionPolicy;
const longSeconds = 20 * 365 * 24 * 60 * 60;

/** What the provider and what is wrapped around it know together. */
export interface GoogleState {
  readonly users: readonly TestUser[];
  readonly clients: ReadonlyMap<string, GoogleClient>;
  readonly consents: Consents;
  /** By authorization code. */
  readonly grantings: Map<string, Granting>;
  readonly accounts: BrowserAccounts;
  /** By subject. */
  readonly restrictions: Map<string, Restriction>;
  accessTokenSeconds: number;
  /** Whether each renewal brings another refresh token. Google's do not. */
  rotates: boolean;
}

/** Builds what of Google's authorization server is like anybody's. Everything else is wrapped around it. */
export function buildGoogleProvider(
  issuer: string,
  signingKey: GoogleKey,
  storage: AuthorizationStorage,
  state: GoogleState,
): Provider {
  const { users, clients, consents, grantings } = state;
  const [, emailScope = '', profileScope = ''] = identityScopes;
  const provider = new Provider(issuer, {
    adapter: storage.adapter,
    clients: [...clients.values()].map(metadataOf),
    jwks: { keys: [signingKey] },
    cookies: {
      keys: [randomBytes(32).toString('base64url')],
      long: { signed: true, httpOnly: true, sameSite: 'lax' },
      short: { signed: true, httpOnly: true, sameSite: 'lax' },
    },
    routes: {
      authorization: '/o/oauth2/v2/auth',
      token: '/token',
      jwks: '/oauth2/v3/certs',
      device_authorization: '/device/code',
      code_verification: '/device',
    },
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      resourceIndicators: { enabled: false },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: (ctx, form) => {
          ctx.body = codePage('Connect a device', form);
        },
        userCodeConfirmSource: (ctx, form, _client, _device, userCode) => {
          ctx.body = codePage(`Is it ${userCode}?`, form);
        },
        successSource: (ctx) => {
          ctx.body = codePage('Success!', '');
        },
      },
    },
    extraParams: ['access_type', 'hd', 'include_granted_scopes', 'enable_granular_consent'],
    responseTypes: ['code'],
    pkce: { required: () => false },
    rotateRefreshToken: () => state.rotates,
    issueRefreshToken: (ctx) => Promise.resolve(isOwedRefreshToken(ctx, grantings)),
    expiresWithSession: () => Promise.resolve(false),
    ttl: {
      AccessToken: () => state.accessTokenSeconds,
      AuthorizationCode: 600,
      DeviceCode: 1800,
      Grant: longSeconds,
      IdToken: 3600,
      Interaction: 3600,
      RefreshToken: longSeconds,
      Session: longSeconds,
    },
    scopes: [...knownScopes],
    claims: {
      openid: ['sub', 'hd'],
      [emailScope]: ['email', 'email_verified'],
      [profileScope]: ['name', 'given_name'],
    },
    conformIdTokenClaims: false,
    findAccount: (_ctx, subject) => {
      const user = users.find((each) => each.subject === subject);
      if (user === undefined) return undefined;
      const { name, email } = user;
      const hd = hostedDomain(user);
      return {
        accountId: subject,
        claims: () => ({
          ...{ sub: subject, name, given_name: name, email, email_verified: user.isUnverified !== true },
          ...(hd === undefined ? {} : { hd }),
        }),
      };
    },
    loadExistingGrant: async ({ oidc }) => {
      const grantId = consents.find(oidc.session?.accountId, oidc.client?.clientId ?? '');
      if (grantId === undefined) return undefined;
      const grant = await oidc.provider.Grant.find(grantId);
      // What was refused on another day is asked again when it is asked for again.
      if (grant !== undefined && oidc.result?.consent === undefined) delete grant.rejected;
      return grant;
    },
    interactions: { policy: interactions(state), url: (_ctx, { uid }) => `/signin/${uid}` },
    clientBasedCORS: () => false,
    renderError: (ctx, { error, error_description: description }) => {
      ctx.type = 'html';
      ctx.body = errorPage(`Error ${ctx.status}: ${error}`, description ?? '');
    },
  });
  formLike(provider.AuthorizationCode, '4/0A', 60);
  formLike(provider.AccessToken, 'ya29.a0', 180);
  formLike(provider.RefreshToken, '1//0', 80);
  provider.Client.prototype.redirectUriAllowed = function (redirectUri) {
    const client = clients.get(this.clientId);
    return client !== undefined && allowsRedirect(client, redirectUri);
  };
  provider.on('authorization.success', ({ oidc }, answer?: { readonly code?: string }) => {
    if (answer?.code === undefined) return;
    grantings.set(answer.code, {
      isOffline: oidc.params?.['access_type'] === 'offline',
      wasConsented: oidc.result?.consent !== undefined,
    });
  });
  return provider;
}

/** Only what is asked for with `access_type=offline`, and only when somebody has just been asked. Devices always. */
function isOwedRefreshToken({ oidc }: KoaContextWithOIDC, grantings: ReadonlyMap<string, Granting>): boolean {
  const code = oidc.params?.['code'];
  if (typeof code !== 'string') return true;
  const granting = grantings.get(code);
  return granting?.isOffline === true && granting.wasConsented;
}

/** Opaque, but for a beginning by which everybody knows Google's. */
function formLike(model: { readonly prototype: object }, prefix: string, length: number): void {
  const { generateTokenId: original } = model.prototype as { generateTokenId: (this: unknown) => string };
  Object.defineProperty(model.prototype, 'generateTokenId', {
    value(this: unknown) {
      // It notes the format on the way.
      original.call(this);
      return prefix + randomBytes(length).toString('base64url').slice(0, length);
    },
  });
}

/** Who is it, which of several accounts, and is it still the one that signed in: the last two are Google's own. */
function interactions({ users, accounts, restrictions }: GoogleState): interactionPolicy.DefaultPolicy {
  const policy = interactionPolicy.base();
  const hint = ({ oidc }: KoaContextWithOIDC) => {
    const text = oidc.params?.['login_hint'];
    return typeof text === 'string' ? text : undefined;
  };
  policy.add(
    new Prompt(
      { name: 'select_account', requestable: true },
      new Check('several_accounts', 'it is not clear which account', 'account_selection_required', (ctx) => {
        const { result } = ctx.oidc;
        const isChosen = result?.login !== undefined || result?.['select_account'] !== undefined;
        return !isChosen && hint(ctx) === undefined && accounts.of(ctx.req).size > 1;
      }),
    ),
    0,
  );
  policy.get('login')?.checks.add(
    new Check('login_hint', 'somebody else is signed in', 'login_required', (ctx) => {
      const text = hint(ctx);
      const { result, session } = ctx.oidc;
      if (text === undefined || result?.login !== undefined) return false;
      const user = users.find(({ subject }) => subject === session?.accountId);
      return user !== undefined && !isCalled(user, text) && result?.['select_account'] === undefined;
    }),
  );
  policy.get('login')?.checks.add(
    new Check('session_control', 'the organization wants a new login', 'login_required', ({ oidc }) => {
      const subject = oidc.session?.accountId ?? '';
      return restrictions.get(subject) === 'session-control' && oidc.result?.login === undefined;
    }),
  );
  return policy;
}

import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { type Answer, refusal, refusals, send } from './google-answers.js';
import type { GoogleClient } from './google-clients.js';
import type { GoogleState } from './google-provider.js';
import { beyondIdentity, deviceScopes, writtenOut } from './google-scopes.js';
import type { AccessTokens, GoogleClock, RefreshTokens } from './google-tokens.js';
import type { ServiceAccounts } from './service-accounts.js';

const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code';
const jwtBearerGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** What was granted to whom. */
interface Granted {
  readonly subject: string;
  readonly scopes: readonly string[];
  readonly grantId: string;
  readonly client: GoogleClient;
}

/** The token endpoint and the one for devices, as Google has them around oidc-provider's. */
export class GoogleTokenEndpoint {
  readonly #callback: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
  /** What oidc-provider says about a refusal only to its own log. */
  readonly #reasons = new WeakMap<object, string>();

  constructor(
    private readonly provider: Provider,
    private readonly state: GoogleState,
    private readonly tokens: {
      readonly access: AccessTokens;
      readonly refresh: RefreshTokens;
      readonly clock: GoogleClock;
      readonly serviceAccounts: ServiceAccounts;
    },
    private readonly devicePage: string,
  ) {
    provider.on('grant.error', (ctx, { error_detail: detail, cause }) => {
      const reason = cause instanceof Error ? cause.message : detail;
      if (reason !== undefined) this.#reasons.set(ctx, reason);
    });
    provider.use(async (ctx, next) => {
      await next();
      if (ctx.path === '/token') await this.#translate(ctx as unknown as KoaContextWithOIDC);
      if (ctx.path === '/device/code' && ctx.status === 200) this.#translateDevice(ctx);
    });
    this.#callback = provider.callback();
  }

  async token(req: IncomingMessage, res: ServerResponse, body: string): Promise<void> {
    const form = withClient(req, new URLSearchParams(body));
    if (form.get('grant_type') === jwtBearerGrant) {
      send(res, await this.tokens.serviceAccounts.redeem(form));
      return;
    }
    const refused = this.#refuseClient(form) ?? this.#refuseGrant(form);
    if (refused === undefined) await this.#callback(bodied(req, form), res);
    else send(res, refused);
  }

  async deviceCode(req: IncomingMessage, res: ServerResponse, body: string): Promise<void> {
    const form = new URLSearchParams(body);
    const client = this.state.clients.get(form.get('client_id') ?? '');
    const scopes = writtenOut(form.get('scope') ?? '');
    const foreign = scopes.filter((scope) => !deviceScopes.includes(scope));
    if (client === undefined) {
      send(res, refusals.clientUnknown);
      return;
    }
    if (client.kind !== 'tv') {
      send(res, refusal(401, 'invalid_client', 'Invalid client type.'));
      return;
    }
    if (foreign.length > 0 || scopes.length === 0) {
      const named = foreign.join(' ');
      send(res, refusal(400, 'invalid_scope', `Invalid device flow scope: ${named}`));
      return;
    }
    // Google asks for the secret only when the code is redeemed.
    form.set('client_secret', client.secret);
    form.set('scope', scopes.join(' '));
    await this.#callback(bodied(req, form), res);
  }

  /** Keeps a refresh token that was made without a request, with an access token to it. */
  async adopt(
    refreshToken: string,
    given: Granted,
  ): Promise<{ readonly accessToken: string; readonly refreshToken: string }> {
    const accessToken = `ya29.a0${randomBytes(120).toString('base64url')}`;
    this.#keepAccess(accessToken, given);
    await this.#keepRefresh(refreshToken, given);
    return { accessToken, refreshToken };
  }

  #refuseClient(form: URLSearchParams): Answer | undefined {
    const client = this.state.clients.get(form.get('client_id') ?? '');
    if (client === undefined) return refusals.clientUnknown;
    const secret = form.get('client_secret');
    if (secret === null || secret === '') return refusals.secretMissing;
    return secret === client.secret ? undefined : refusals.secretWrong;
  }

  #refuseGrant(form: URLSearchParams): Answer | undefined {
    const grantType = form.get('grant_type') ?? '';
    switch (grantType) {
      case 'authorization_code':
        return form.get('code')?.startsWith('4/') === true ? undefined : refusals.codeMalformed;
      case deviceGrant:
        return undefined;
      case 'refresh_token':
        return this.#refuseRefresh(form);
      default:
        return refusal(400, 'unsupported_grant_type', `Invalid grant_type: ${grantType}`);
    }
  }

  #refuseRefresh(form: URLSearchParams): Answer | undefined {
    const text = form.get('refresh_token') ?? '';
    if (!text.startsWith('1//')) return refusals.malformed;
    const token = this.tokens.refresh.find(text);
    if (token === undefined) return refusals.tokenDead;
    if (token.clientId !== form.get('client_id')) return refusals.clientOfAnother;
    switch (this.state.restrictions.get(token.subject)) {
      case 'session-control':
        return refusals.sessionControl;
      case 'admin-policy':
        return refusals.adminPolicy;
      case 'disabled':
        return refusals.accountDisabled;
      case undefined:
        return undefined;
    }
  }

  async #translate(ctx: KoaContextWithOIDC): Promise<void> {
    const { oidc } = ctx;
    const body = { ...(ctx.body as Record<string, unknown>) };
    if (ctx.status !== 200) {
      const { status, body: said } = this.#inGooglesWords(ctx, String(body['error']));
      ctx.status = status;
      ctx.body = said;
      return;
    }
    const { AccessToken: access, RefreshToken: refresh } = oidc.entities;
    const client = this.state.clients.get(oidc.client?.clientId ?? '');
    if (access === undefined || client === undefined) throw new Error('A token was granted to nobody.');
    const { accountId: subject, grantId } = access;
    const scopes = (access.scope ?? '').split(' ').filter(Boolean);
    const granted = { subject, scopes, grantId, client };
    this.#keepAccess(String(body['access_token']), granted);
    const isRenewal = oidc.params?.['grant_type'] === 'refresh_token';
    const sent = oidc.params?.['refresh_token'];
    if (isRenewal && typeof sent === 'string') this.tokens.refresh.used(sent);
    if (isRenewal && body['refresh_token'] === sent) delete body['refresh_token'];
    const renewable = body['refresh_token'];
    if (typeof renewable === 'string') await this.#keepRefresh(renewable, granted);
    const secondsLeft = this.tokens.refresh.secondsLeft(refresh?.jti ?? '');
    ctx.body = {
      access_token: body['access_token'],
      expires_in: body['expires_in'],
      ...(body['refresh_token'] === undefined ? {} : { refresh_token: body['refresh_token'] }),
      ...(secondsLeft === undefined ? {} : { refresh_token_expires_in: secondsLeft }),
      scope: scopes.join(' '),
      token_type: 'Bearer',
      ...(body['id_token'] === undefined ? {} : { id_token: body['id_token'] }),
    };
  }

  #keepAccess(text: string, { subject, scopes, grantId, client }: Granted): void {
    const user = this.state.users.find((each) => each.subject === subject);
    this.tokens.access.keep(text, {
      ...{ kind: 'person', subject, scopes, grantId, clientId: client.id },
      ...{ email: user?.email ?? '', name: user?.name ?? '' },
      expiresAtMs: this.tokens.clock.nowMs() + this.state.accessTokenSeconds * 1000,
    });
  }

  async #keepRefresh(text: string, { subject, scopes, grantId, client }: Granted): Promise<void> {
    const isTesting = client.status === 'testing' && beyondIdentity(scopes).length > 0;
    const whose = { subject, clientId: client.id, grantId, isTesting };
    for (const dead of this.tokens.refresh.keep(text, whose)) {
      const token = await this.provider.RefreshToken.find(dead);
      await token?.destroy();
    }
  }

  #inGooglesWords(ctx: KoaContextWithOIDC, error: string): Answer {
    const reason = this.#reasons.get(ctx) ?? '';
    switch (error) {
      case 'authorization_pending':
        return refusal(428, error, 'Precondition Required');
      case 'slow_down':
      case 'access_denied':
        return refusal(403, error, 'Forbidden');
      case 'expired_token':
        return refusals.malformed;
      case 'invalid_scope':
        return refusals.scopeInvalid;
      case 'invalid_grant':
        if (/redirect_uri/.test(reason)) return refusals.redirectMismatch;
        if (/code_verifier/.test(reason)) {
          return ctx.oidc.params?.['code_verifier'] === undefined
            ? refusals.verifierMissing
            : refusals.verifierWrong;
        }
        return ctx.oidc.params?.['refresh_token'] === undefined ? refusals.malformed : refusals.tokenDead;
      default:
        return refusal(ctx.status, error, 'Bad Request');
    }
  }

  #translateDevice(ctx: { body: unknown }): void {
    const { device_code, user_code, expires_in } = ctx.body as Record<string, unknown>;
    ctx.body = { device_code, user_code, expires_in, interval: 5, verification_url: this.devicePage };
  }
}

/** Google takes the client's secret in the body and in the header alike. */
function withClient(req: IncomingMessage, form: URLSearchParams): URLSearchParams {
  const [, basic] = /^Basic +(\S+)$/i.exec(req.headers.authorization ?? '') ?? [];
  if (basic === undefined) return form;
  const [id = '', secret = ''] = Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent);
  form.set('client_id', id);
  form.set('client_secret', secret);
  return form;
}

/** The request once more, with another body. */
function bodied(req: IncomingMessage, form: URLSearchParams): IncomingMessage {
  const body = Buffer.from(form.toString());
  const { authorization: _authorization, ...headers } = req.headers;
  return Object.assign(Readable.from([body]), {
    method: 'POST',
    url: req.url,
    httpVersion: req.httpVersion,
    socket: req.socket,
    headers: {
      ...headers,
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': `${body.byteLength}`,
    },
  }) as unknown as IncomingMessage;
}

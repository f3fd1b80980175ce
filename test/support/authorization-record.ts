import type { KoaContextWithOIDC, Provider } from 'oidc-provider';

export type AuthorizationEventKind =
  | 'authorization-requested'
  | 'login-refused'
  | 'signed-in'
  | 'authorization-granted'
  | 'authorization-refused'
  | 'code-exchanged'
  | 'code-refused'
  /** A client was granted a token for itself. */
  | 'client-granted'
  | 'refreshed'
  | 'refresh-refused'
  | 'revoked'
  /** A client asked whether its refresh token is still good. */
  | 'introspected'
  | 'registered'
  | 'unregistered'
  | 'registration-refused'
  | 'grants-revoked'
  | 'clients-forgotten'
  | 'fault'
  | 'server-error';

/** One thing that happened at the authorization server. Holds no token, no code and no secret. */
export interface AuthorizationEvent {
  readonly kind: AuthorizationEventKind;
  readonly atMs: number;
  readonly subject?: string | undefined;
  readonly clientId?: string | undefined;
  readonly resource?: string | undefined;
  readonly scope?: string | undefined;
  /** The OAuth error code, the kind of a fault, or the message of a server error. */
  readonly error?: string | undefined;
}

/** How often each thing happened. */
export interface AuthorizationCounts {
  readonly authorizationRequests: number;
  readonly signIns: number;
  readonly codesExchanged: number;
  readonly refreshes: number;
  readonly refusedRefreshes: number;
  readonly revocations: number;
  readonly registrations: number;
}

/** What happened, in order, and every secret that was handed out on the way. */
export class AuthorizationRecord {
  readonly events: AuthorizationEvent[] = [];
  readonly issuedSecrets = new Set<string>();
  readonly authorizationCodes = new Set<string>();
  /** A refused refresh token is often no longer known to the provider, but the tests ask whose it was. */
  readonly #subjectOfRefreshToken = new Map<string, string>();
  readonly #waiting = new Set<() => void>();

  note(kind: AuthorizationEventKind, details: Omit<AuthorizationEvent, 'kind' | 'atMs'> = {}): void {
    this.events.push({ kind, atMs: Date.now(), ...details });
    for (const look of [...this.#waiting]) look();
  }

  /** The first event, past or future, that `matches`. Waits for ever: the test's own limit ends the wait. */
  occurrence(matches: (event: AuthorizationEvent) => boolean): Promise<AuthorizationEvent> {
    return new Promise((resolve) => {
      const look = () => {
        const event = this.events.find(matches);
        if (event === undefined) return;
        this.#waiting.delete(look);
        resolve(event);
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** Counts of one user, or of all. Registrations and authorization requests are nobody's until somebody signs in. */
  counts(subject?: string): AuthorizationCounts {
    const count = (kind: AuthorizationEventKind) =>
      this.events.filter(
        (event) => event.kind === kind && (subject === undefined || event.subject === subject),
      ).length;
    return {
      authorizationRequests: count('authorization-requested'),
      signIns: count('signed-in'),
      codesExchanged: count('code-exchanged'),
      refreshes: count('refreshed'),
      refusedRefreshes: count('refresh-refused'),
      revocations: count('revoked'),
      registrations: count('registered'),
    };
  }

  /** Listens to the provider's own events, which come before the answer leaves: what a client knows is recorded. */
  observe(provider: Provider): void {
    provider.use(async (ctx, next) => {
      await next();
      // Paths that oidc-provider does not serve have no OAuth context, whatever the type says.
      const { oidc } = ctx as Partial<KoaContextWithOIDC>;
      if (oidc?.route === 'authorization') this.note('authorization-requested', request(oidc));
      if (oidc?.route === 'introspection') this.note('introspected', request(oidc));
      if (oidc?.route === 'revocation' && oidc.entities.RefreshToken !== undefined) {
        this.note('revoked', { ...request(oidc), subject: oidc.entities.RefreshToken.accountId });
      }
    });
    provider.on('authorization.success', ({ oidc }, given?: Record<string, unknown>) => {
      // The page on which a device's code was entered gives nothing to the browser.
      const answer = given ?? {};
      this.#keepSecrets(answer, ['code', 'id_token', 'access_token']);
      const { code } = answer;
      if (typeof code === 'string') this.authorizationCodes.add(code);
      this.note('authorization-granted', { ...request(oidc), subject: oidc.session?.accountId });
    });
    provider.on('authorization.error', ({ oidc }, { error }) =>
      this.note('authorization-refused', { ...request(oidc), subject: oidc.session?.accountId, error }),
    );
    provider.on('grant.success', (ctx) => this.#granted(ctx));
    provider.on('grant.error', ({ oidc }, { error }) => {
      if (error === 'authorization_pending') return;
      const isRefresh = oidc.params?.['grant_type'] === 'refresh_token';
      const subject = isRefresh
        ? this.#subjectOfRefreshToken.get(String(oidc.params['refresh_token']))
        : oidc.entities.AuthorizationCode?.accountId;
      this.note(isRefresh ? 'refresh-refused' : 'code-refused', { ...request(oidc), subject, error });
    });
    provider.on('registration_create.success', (ctx, client) => {
      this.#keepSecrets(ctx.body, ['client_secret', 'registration_access_token']);
      this.note('registered', { clientId: client.clientId });
    });
    provider.on('registration_delete.success', (_ctx, client) =>
      this.note('unregistered', { clientId: client.clientId }),
    );
    provider.on('registration_create.error', (_ctx, { error }) =>
      this.note('registration-refused', { error }),
    );
    provider.on('server_error', (_ctx, { message }) => this.note('server-error', { error: message }));
  }

  #granted({ oidc, body }: KoaContextWithOIDC): void {
    this.#keepSecrets(body, ['access_token', 'refresh_token', 'id_token']);
    const { AccessToken, ClientCredentials, RefreshToken: refreshToken } = oidc.entities;
    const token = AccessToken ?? ClientCredentials;
    const subject = AccessToken?.accountId;
    if (refreshToken !== undefined && subject !== undefined) {
      this.#subjectOfRefreshToken.set(refreshToken.jti, subject);
    }
    const isRefresh = oidc.params?.['grant_type'] === 'refresh_token';
    const isOwn = ClientCredentials !== undefined;
    this.note(isRefresh ? 'refreshed' : isOwn ? 'client-granted' : 'code-exchanged', {
      ...request(oidc),
      subject,
      resource: [token?.aud].flat()[0],
      scope: token?.scope,
    });
  }

  #keepSecrets(answer: unknown, names: readonly string[]): void {
    for (const name of names) {
      const value = (answer as Record<string, unknown>)[name];
      if (typeof value === 'string') this.issuedSecrets.add(value);
    }
  }
}

function request({ client, params }: KoaContextWithOIDC['oidc']) {
  const text = (name: string) => {
    const value = params?.[name];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    clientId: client?.clientId ?? text('client_id'),
    resource: text('resource'),
    scope: text('scope'),
  };
}

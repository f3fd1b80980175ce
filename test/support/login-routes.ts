import type { IncomingMessage, ServerResponse } from 'node:http';
import { errors, type InteractionResults, type Provider } from 'oidc-provider';
import type { AuthorizationRecord } from './authorization-record.js';
import { readBody } from './listener.js';
import { consentPage, errorPage, type LoginAction, loginPage, selectAccountPage } from './login-pages.js';
import { isCalled, type TestUser } from './test-users.js';

type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>;

/** The pages between an authorization request and its answer: who are you, which account, do you allow this. */
export class LoginRoutes {
  readonly #provider: Provider;
  readonly #users: readonly TestUser[];
  readonly #record: AuthorizationRecord;

  constructor(provider: Provider, users: readonly TestUser[], record: AuthorizationRecord) {
    this.#provider = provider;
    this.#users = users;
    this.#record = record;
  }

  /** @returns whether the request was for one of these pages, which is then answered */
  async answer(req: IncomingMessage, res: ServerResponse): Promise<boolean> {
    if (!req.url?.startsWith('/interaction/')) return false;
    let interaction: Interaction;
    try {
      interaction = await this.#provider.interactionDetails(req, res);
    } catch (error) {
      if (!(error instanceof errors.SessionNotFound)) throw error;
      show(res, 400, errorPage(error.error, 'This sign-in has ended. Start again where you came from.'));
      return true;
    }
    if (req.method === 'POST') await this.#submitted(interaction, req, res);
    else show(res, 200, await this.#page(interaction));
    return true;
  }

  async #page(interaction: Interaction): Promise<string> {
    const { prompt, session } = interaction;
    const user = this.#users.find(({ subject }) => subject === session?.accountId);
    if (prompt.name === 'select_account' && user !== undefined) return selectAccountPage(user);
    if (prompt.name === 'consent' && user !== undefined) {
      const client = await this.#clientName(interaction);
      return consentPage({ client, user, scopes: requestedScopes(interaction, this.#provider.issuer) });
    }
    return this.#loginPage(interaction);
  }

  async #loginPage(interaction: Interaction, refused?: { readonly userName: string }): Promise<string> {
    const hint = interaction.params['login_hint'];
    const userName = refused?.userName ?? (typeof hint === 'string' ? hint : '');
    const client = await this.#clientName(interaction);
    return loginPage({ client, users: this.#users, userName, refused: refused !== undefined });
  }

  async #submitted(interaction: Interaction, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await readBody(req));
    switch (form.get('action') as LoginAction | null) {
      case 'cancel':
        return this.#finish(req, res, { error: 'access_denied', error_description: 'The user cancelled.' });
      case 'another':
        show(res, 200, await this.#loginPage(interaction));
        return;
      case 'continue':
        return this.#finish(req, res, { select_account: {} });
      case 'allow':
        return this.#finish(req, res, { consent: { grantId: await this.#grant(interaction) } });
      case 'sign-in':
        return this.#signIn(interaction, form, req, res);
      case null:
        show(res, 400, errorPage('invalid_request', 'No button was pressed.'));
    }
  }

  async #signIn(
    interaction: Interaction,
    form: URLSearchParams,
    req: IncomingMessage,
    res: ServerResponse,
  ): Promise<void> {
    const userName = form.get('username') ?? '';
    const user = this.#users.find((known) => isCalled(known, userName));
    const clientId = String(interaction.params['client_id']);
    if (user === undefined || user.password !== form.get('password')) {
      this.#record.note('login-refused', { clientId, subject: user?.subject });
      show(res, 200, await this.#loginPage(interaction, { userName }));
      return;
    }
    await this.#leaveSessionOfAnother(interaction, user);
    this.#record.note('signed-in', { clientId, subject: user.subject });
    // Having signed in, the user has also chosen an account.
    return this.#finish(req, res, { login: { accountId: user.subject }, select_account: {} });
  }

  /** oidc-provider would end the other user's session with a logout, which revokes grants. Nobody asked for that. */
  async #leaveSessionOfAnother(interaction: Interaction, user: TestUser): Promise<void> {
    if (interaction.session === undefined || interaction.session.accountId === user.subject) return;
    const session = await this.#provider.Session.findByUid(interaction.session.uid);
    await session?.destroy();
    delete interaction.session;
    await interaction.persist();
  }

  async #grant(interaction: Interaction): Promise<string> {
    const grant = new this.#provider.Grant({
      accountId: interaction.session?.accountId,
      clientId: String(interaction.params['client_id']),
    });
    for (const [resource, scopes] of requestedScopes(interaction, this.#provider.issuer)) {
      if (resource === this.#provider.issuer) grant.addOIDCScope([...scopes]);
      else grant.addResourceScope(resource, [...scopes]);
    }
    return grant.save();
  }

  async #clientName({ params }: Interaction): Promise<string> {
    const client = await this.#provider.Client.find(String(params['client_id']));
    return client?.clientName ?? client?.clientId ?? 'An unknown application';
  }

  #finish(req: IncomingMessage, res: ServerResponse, result: InteractionResults): Promise<void> {
    return this.#provider.interactionFinished(req, res, result, { mergeWithLastSubmission: true });
  }
}

/** What is asked for, per resource. The issuer's own scopes, which have no resource, stand under the issuer. */
function requestedScopes({ prompt }: Interaction, issuer: string): ReadonlyMap<string, readonly string[]> {
  const details = prompt.details as {
    readonly missingOIDCScope?: readonly string[];
    readonly missingResourceScopes?: Readonly<Record<string, readonly string[]>>;
  };
  const scopes = new Map(Object.entries(details.missingResourceScopes ?? {}));
  if (details.missingOIDCScope !== undefined) scopes.set(issuer, details.missingOIDCScope);
  return scopes;
}

/** Answers with a page that runs nothing and that no other page may frame. */
export function show(res: ServerResponse, status: number, html: string): void {
  res.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  });
  res.end(html);
}

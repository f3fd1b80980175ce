import type { IncomingMessage, ServerResponse } from 'node:http';
import { errors, type InteractionResults, type Provider } from 'oidc-provider';
import type { AuthorizationRecord } from '../authorization-record.js';
import { readBody } from '../listener.js';
import { errorPage, loginPage } from '../login-pages.js';
import { show } from '../login-routes.js';
import { isCalled, type TestUser } from '../test-users.js';
import { allow } from './google-consents.js';
import type { GoogleState } from './google-provider.js';
import { boxOf, chooserPage, consentPage, isGranular } from './google-pages.js';
import { beyondIdentity } from './google-scopes.js';
import { hostedDomain } from './google-users.js';

type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>;

/** The pages between an authorization request and its answer. */
export class GoogleLogin {
  constructor(
    private readonly provider: Provider,
    private readonly state: GoogleState,
    private readonly record: AuthorizationRecord,
  ) {}

  /** @returns whether the request was for one of these pages, which is then answered */
  async answer(req: IncomingMessage, res: ServerResponse): Promise<boolean> {
    if (!req.url?.startsWith('/signin/')) return false;
    let interaction: Interaction;
    try {
      interaction = await this.provider.interactionDetails(req, res);
    } catch (error) {
      if (!(error instanceof errors.SessionNotFound)) throw error;
      show(res, 400, errorPage('Error 400: invalid_request', 'This sign-in has ended.'));
      return true;
    }
    this.state.accounts.greet(req, res);
    if (req.method === 'POST') await this.#submitted(interaction, req, res);
    else await this.#show(interaction, req, res);
    return true;
  }

  async #show(interaction: Interaction, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { prompt, session } = interaction;
    const user = this.#user(session?.accountId);
    const remembered = this.#remembered(interaction, req);
    if (prompt.name === 'select_account' && remembered.length > 0) {
      show(res, 200, chooserPage(this.#clientName(interaction), remembered));
      return;
    }
    if (prompt.name === 'consent' && user !== undefined) {
      if (this.#turnedAway(interaction, user, res)) return;
      show(res, 200, consentPage(this.#clientName(interaction), user, asked(interaction)));
      return;
    }
    const hinted = this.#hinted(interaction, remembered);
    if (hinted !== undefined) await this.#choose(interaction, hinted, req, res);
    else show(res, 200, this.#loginPage(interaction));
  }

  async #submitted(interaction: Interaction, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await readBody(req));
    const [action, subject] = (form.get('action') ?? '').split(' ');
    switch (action) {
      case 'cancel':
        return this.#finish(req, res, { error: 'access_denied' });
      case 'another':
        show(res, 200, this.#loginPage(interaction));
        return;
      case 'continue': {
        const user = this.#remembered(interaction, req).find((each) => each.subject === subject);
        if (user === undefined || this.#mustLogIn(user)) show(res, 200, this.#loginPage(interaction));
        else await this.#choose(interaction, user, req, res);
        return;
      }
      case 'sign-in':
        return this.#signIn(interaction, form, req, res);
      case 'allow':
        return this.#allow(interaction, form, req, res);
      default:
        show(res, 400, errorPage('Error 400: invalid_request', 'No button was pressed.'));
    }
  }

  async #signIn(
    interaction: Interaction,
    form: URLSearchParams,
    req: IncomingMessage,
    res: ServerResponse,
  ): Promise<void> {
    const userName = form.get('username') ?? '';
    const user = this.state.users.find((known) => isCalled(known, userName));
    const clientId = String(interaction.params['client_id']);
    if (user === undefined || user.password !== form.get('password')) {
      this.record.note('login-refused', { clientId, subject: user?.subject });
      show(res, 200, this.#loginPage(interaction, userName));
      return;
    }
    this.record.note('signed-in', { clientId, subject: user.subject });
    if (this.#mustLogIn(user)) this.state.restrictions.delete(user.subject);
    this.state.accounts.add(req, user.subject);
    await this.#choose(interaction, user, req, res);
  }

  async #choose(
    interaction: Interaction,
    user: TestUser,
    req: IncomingMessage,
    res: ServerResponse,
  ): Promise<void> {
    if (this.#turnedAway(interaction, user, res)) return;
    await this.#leaveSessionOfAnother(interaction, user);
    await this.#finish(req, res, { login: { accountId: user.subject }, select_account: {} });
  }

  /** oidc-provider would end the other user's session with a logout, which revokes grants. Nobody asked for that. */
  async #leaveSessionOfAnother(interaction: Interaction, user: TestUser): Promise<void> {
    if (interaction.session === undefined || interaction.session.accountId === user.subject) return;
    const session = await this.provider.Session.findByUid(interaction.session.uid);
    await session?.destroy();
    delete interaction.session;
    await interaction.persist();
  }

  async #allow(
    interaction: Interaction,
    form: URLSearchParams,
    req: IncomingMessage,
    res: ServerResponse,
  ): Promise<void> {
    const scopes = asked(interaction);
    const refusable = isGranular(scopes) ? beyondIdentity(scopes) : [];
    const refused = refusable.filter((scope) => !form.has(boxOf(scope)));
    const allowed = scopes.filter((scope) => !refused.includes(scope));
    if (allowed.length === 0) return this.#finish(req, res, { error: 'access_denied' });
    const grantId = await allow(this.provider, this.state.consents, {
      subject: interaction.session?.accountId ?? '',
      clientId: String(interaction.params['client_id']),
      allowed,
      refused,
    });
    return this.#finish(req, res, { consent: { grantId } });
  }

  /** Shows the page for an account that this client, or its organization, lets nowhere. */
  #turnedAway(interaction: Interaction, user: TestUser, res: ServerResponse): boolean {
    const client = this.state.clients.get(String(interaction.params['client_id']));
    const { internalTo } = client ?? {};
    if (internalTo !== undefined && hostedDomain(user) !== internalTo) {
      const why = `${client?.name ?? ''} can only be used within its organization.`;
      show(res, 403, errorPage('Error 403: org_internal', `Access blocked: ${why}`));
      return true;
    }
    if (this.state.restrictions.get(user.subject) !== 'admin-policy') return false;
    const why = 'Your institution’s admin needs to review this app.';
    show(res, 400, errorPage('Error 400: admin_policy_enforced', `Access blocked: ${why}`));
    return true;
  }

  #remembered(interaction: Interaction, req: IncomingMessage): readonly TestUser[] {
    const subjects = this.state.accounts.of(req);
    const domain = interaction.params['hd'];
    const fits = (user: TestUser) =>
      typeof domain !== 'string' || domain === '*' || hostedDomain(user) === domain;
    return this.state.users.filter((user) => subjects.has(user.subject) && fits(user));
  }

  #hinted(interaction: Interaction, remembered: readonly TestUser[]): TestUser | undefined {
    const hint = interaction.params['login_hint'];
    const user = typeof hint === 'string' ? remembered.find((each) => isCalled(each, hint)) : undefined;
    return user !== undefined && !this.#mustLogIn(user) ? user : undefined;
  }

  #mustLogIn({ subject }: TestUser): boolean {
    return this.state.restrictions.get(subject) === 'session-control';
  }

  #user(subject: string | undefined): TestUser | undefined {
    return this.state.users.find((user) => user.subject === subject);
  }

  #loginPage(interaction: Interaction, refusedName?: string): string {
    const hint = interaction.params['login_hint'];
    return loginPage({
      client: this.#clientName(interaction),
      users: this.state.users,
      userName: refusedName ?? (typeof hint === 'string' ? hint : ''),
      refused: refusedName !== undefined,
    });
  }

  #clientName({ params }: Interaction): string {
    return this.state.clients.get(String(params['client_id']))?.name ?? 'An unknown application';
  }

  #finish(req: IncomingMessage, res: ServerResponse, result: InteractionResults): Promise<void> {
    return this.provider.interactionFinished(req, res, result, { mergeWithLastSubmission: true });
  }
}

/** What the consent page is about: everything asked for when the client wants it so, else what is new. */
function asked({ params, prompt }: Interaction): readonly string[] {
  const { missingOIDCScope = [] } = prompt.details as { readonly missingOIDCScope?: readonly string[] };
  const isWanted = typeof params['prompt'] === 'string' && params['prompt'].includes('consent');
  return isWanted || missingOIDCScope.length === 0
    ? String(params['scope']).split(' ').filter(Boolean)
    : missingOIDCScope;
}

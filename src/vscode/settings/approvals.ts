import type { Memento } from '../../core/ports.js';
import type { RuleSet } from '../../core/rule.js';
import type { Server, ServerAuth } from '../../core/server.js';
import type { VSCode } from '../editor/api.js';
import { unlinked } from '../editor/unlinked.js';

type Answer = 'allowed' | 'denied';

/**
 * What the user has said about servers that workspace settings propose. A workspace can come from anybody, so it may
 * propose where credentials go and never decide it.
 */
export class Approvals {
  readonly #asked = new Set<string>();

  constructor(
    private readonly vs: VSCode,
    private readonly memento: Memento,
    private readonly scopeText: ScopeText,
  ) {}

  /** @returns undefined when the user has not been asked, or has not answered */
  answerFor(server: Server): Answer | undefined {
    const answer = this.memento.get(keyOf(server));
    return answer === 'allowed' || answer === 'denied' ? answer : undefined;
  }

  /**
   * Asks about `server`, once a window unless `again`, and remembers the answer for exactly what was shown.
   * @returns whether the answer is new
   */
  async ask(server: Server, again = false): Promise<boolean> {
    const key = keyOf(server);
    if (this.#asked.has(key) && !again) return false;
    this.#asked.add(key);
    const { l10n, window } = this.vs;
    const [allow, deny] = [l10n.t('Allow'), l10n.t('Don’t Allow')];
    const question = unlinked(questionAbout(this.vs, server, this.scopeText));
    const choice = await window.showInformationMessage(question, allow, deny);
    if (choice === undefined) return false;
    const answer: Answer = choice === allow ? 'allowed' : 'denied';
    await this.memento.update(key, answer);
    return true;
  }
}

/** All that the answer is about, so that nobody allows what they have not seen. */
function questionAbout(
  { l10n }: VSCode,
  { id, url, auth, rules = [] }: Server,
  scopeText: ScopeText,
): string {
  const { issuer, clientId, clientAuthentication, account, scopes = [], quotaProject } = auth;
  const inWords = (all: readonly string[]) =>
    all.map((scope) => scopeText(scope) ?? JSON.stringify(scope)).join(', ');
  const ofRules = [...new Set(scopesIn(rules).flat())];
  return [
    l10n.t(
      'This workspace wants to use the MCP server “{0}” at {1} with an account of yours. Allow it only if you trust that address.',
      id,
      // As it is used, and not as it is written: a host can look like another.
      new URL(url).href,
    ),
    ...(issuer === undefined ? [] : [l10n.t('You would sign in at {0}.', new URL(issuer).href)]),
    ...(clientId === undefined ? [] : [l10n.t('It would use the client {0}.', JSON.stringify(clientId))]),
    ...(clientAuthentication === undefined
      ? []
      : [l10n.t('Its client would prove itself by {0}.', JSON.stringify(clientAuthentication))]),
    ...(account === undefined ? [] : [l10n.t('It wants the account {0}.', JSON.stringify(account))]),
    ...(scopes.length === 0 ? [] : [l10n.t('It asks for: {0}.', inWords(scopes))]),
    ...(ofRules.length === 0 ? [] : [l10n.t('Before some of its tools it asks for: {0}.', inWords(ofRules))]),
    ...(quotaProject === undefined
      ? []
      : [l10n.t('Its use would be charged to the project {0}.', JSON.stringify(quotaProject))]),
  ].join(' ');
}

/** What a scope lets somebody do, in words; undefined for one that is not known. */
type ScopeText = (scope: string) => string | undefined;

/** Everything of the entry that decides where a credential comes from and goes to. */
const keyOf = ({ url, auth, rules = [] }: Server): string =>
  `approval:${JSON.stringify([url, auth.issuer ?? null, auth.clientId ?? null, auth.scopes ?? null, ...unusual(auth), ...scopesIn(rules)])}`;

/** At the end and only when there is any, so that what was answered before it could be said stays answered. */
const unusual = ({ clientAuthentication, account, quotaProject }: ServerAuth): readonly string[] => [
  ...(clientAuthentication === undefined ? [] : [clientAuthentication]),
  ...(account === undefined ? [] : [`account: ${account}`]),
  ...(quotaProject === undefined ? [] : [`quota project: ${quotaProject}`]),
];

/** Rules can only forbid, but for the permissions that they make the user be asked for. */
const scopesIn = (rules: readonly RuleSet[]): readonly (readonly string[])[] => {
  const scopes = rules.flat().flatMap((rule) => rule.scopes);
  return scopes.length === 0 ? [] : [scopes];
};

import { Announcer, type Disposable } from '../../core/announcer.js';
import type { Log } from '../../core/ports.js';
import type { Server } from '../../core/server.js';
import type { VSCode } from '../editor/api.js';
import type { Approvals } from './approvals.js';
import { variableFor } from './environment.js';
import { parseServers, type ParsedServers } from './server-settings.js';
import type { Settings } from './settings.js';
import type { ProblemSource, SettingsProblem } from './settings-problems.js';

const setting = 'mcpCredentials.servers';

/** A server of the workspace that the user has decided about. */
export interface AnsweredServer {
  readonly server: Server;
  readonly isAllowed: boolean;
}

/**
 * The servers in the settings: those that may be used, those that wait for an answer, and the mistakes. The user's
 * own are in the user settings and, below them, in the environment; a workspace can only propose.
 */
export class ConfiguredServers implements ProblemSource, Disposable {
  #usable: readonly Server[] = [];
  #unanswered: readonly Server[] = [];
  #answered: readonly AnsweredServer[] = [];
  #problems: readonly SettingsProblem[] = [];
  readonly #changes: Announcer<undefined>;
  readonly #listening: readonly Disposable[];

  constructor(
    private readonly vs: VSCode,
    private readonly settings: Settings,
    private readonly approvals: Approvals,
    log: Log,
  ) {
    this.#changes = new Announcer((error) => log.error(String(error)));
    this.#listening = [
      vs.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration(setting)) this.#reread();
      }),
      vs.workspace.onDidGrantWorkspaceTrust(() => this.#reread()),
    ];
    this.#read();
  }

  get usable(): readonly Server[] {
    return this.#usable;
  }

  /** Proposed by the workspace, and neither allowed nor denied yet. */
  get unanswered(): readonly Server[] {
    return this.#unanswered;
  }

  /** Proposed by the workspace, and answered: allowed ones are usable too, denied ones are not. */
  get answered(): readonly AnsweredServer[] {
    return this.#answered;
  }

  get problems(): readonly SettingsProblem[] {
    return this.#problems;
  }

  onDidChange(listener: () => void): Disposable {
    return this.#changes.listen(listener);
  }

  /** Asks about each server that the workspace proposes, one after the other. */
  async askAboutProposed(): Promise<void> {
    for (const server of this.#unanswered) {
      if (await this.approvals.ask(server)) this.#reread();
    }
  }

  /** Asks about one of them because the user wants to answer, for the first time or anew. */
  async askAbout(server: Server): Promise<void> {
    if (await this.approvals.ask(server, true)) this.#reread();
  }

  dispose(): void {
    for (const listening of this.#listening) listening.dispose();
    this.#changes.dispose();
  }

  #reread(): void {
    this.#read();
    this.#changes.announce(undefined);
  }

  #read(): void {
    const { workspace, l10n } = this.vs;
    const { globalValue, workspaceValue } = workspace.getConfiguration().inspect(setting) ?? {};
    const user = parseServers(l10n, globalValue, setting);
    const environment = parseServers(l10n, this.settings.fromEnvironment('servers'), variableFor(setting));
    const proposed = withoutOwn(
      l10n,
      parseServers(l10n, workspace.isTrusted ? workspaceValue : undefined, setting),
    );
    // A wrong entry takes its label, too: what the user meant by it is not what stands below it.
    const taken = new Set<string>([...user.servers.map(({ id }) => id), ...labelsOf(user.problems)]);
    const own = [...user.servers, ...environment.servers.filter(({ id }) => !taken.has(id))];
    const ownIds = new Set(own.map(({ id }) => id));
    const [others, hidden] = split(proposed.servers, ({ id }) => !ownIds.has(id));
    const added = others.map((server) => underRulesOf(own, server));
    const clashes = hidden.filter((server) => !own.some((mine) => isSame(mine, server)));
    this.#problems = [
      ...user.problems,
      ...environment.problems,
      ...proposed.problems,
      ...clashes.map(({ id }) => ({
        place: setting,
        label: id,
        message: l10n.t(
          'your own settings have it too, and win; give the one of the workspace another label',
        ),
      })),
    ];
    const allowed = added.filter((server) => this.approvals.answerFor(server) === 'allowed');
    this.#usable = [...own, ...allowed.map((server) => ({ ...server, isProposed: true as const }))];
    this.#unanswered = added.filter((server) => this.approvals.answerFor(server) === undefined);
    this.#answered = added.flatMap((server) => {
      const answer = this.approvals.answerFor(server);
      return answer === undefined ? [] : [{ server, isAllowed: answer === 'allowed' }];
    });
  }
}

const labelsOf = (problems: readonly SettingsProblem[]): string[] =>
  problems.flatMap(({ label }) => (label === undefined ? [] : [label]));

const isSame = (a: Server, b: Server): boolean => JSON.stringify(a) === JSON.stringify(b);

function split<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}

/**
 * What a workspace cannot propose: a grant needs no click of the user, and may read a file of theirs; and a token that
 * is delivered in a header is under no rules.
 */
function withoutOwn(l10n: VSCode['l10n'], { servers, problems }: ParsedServers): ParsedServers {
  const namesOwn = ({ auth, delivery }: Server): string | undefined =>
    auth.grant !== undefined ? 'auth.grant' : delivery !== undefined ? 'delivery' : undefined;
  const dropped = servers.flatMap((server) => {
    const name = namesOwn(server);
    if (name === undefined) return [];
    const message = l10n.t('has "{0}", which can be in your own settings only', name);
    return [{ place: setting, label: server.id, message }];
  });
  return {
    servers: servers.filter((server) => namesOwn(server) === undefined),
    problems: [...problems, ...dropped],
  };
}

/** A workspace must not get past the user's own rules by naming the same place once more, in other words. */
function underRulesOf(own: readonly Server[], server: Server): Server {
  const { origin } = new URL(server.url);
  const mine = own.filter(({ url }) => new URL(url).origin === origin).flatMap(({ rules = [] }) => rules);
  return mine.length === 0 ? server : { ...server, rules: [...mine, ...(server.rules ?? [])] };
}

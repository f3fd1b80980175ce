import type { MarkdownString, StatusBarItem } from 'vscode';
import type { Broker } from '../../broker/broker.js';
import { assertNever } from '../../core/assert-never.js';
import type { Disposable } from '../../core/announcer.js';
import type { Clock } from '../../core/ports.js';
import type { CredentialState } from '../../core/state.js';
import type { Storage, StorageHealth } from '../../core/storage.js';
import type { VSCode } from '../editor/api.js';
import { CalmLook } from '../editor/calm.js';
import { iconless } from '../editor/iconless.js';
import type { ConfiguredServers } from '../settings/configured-servers.js';
import type { SettingsProblems } from '../settings/settings-problems.js';
import { healthText, setAsideText } from '../texts/storage-texts.js';
import { durationText, stateText } from '../texts/state-texts.js';

/** How often the time to expiry is looked at; it is shown in minutes. */
const tickMs = 20_000;

/** Longer account names are cut: the status bar belongs to everybody. */
const nameLimit = 32;

export interface StatusBarParts {
  readonly vs: VSCode;
  readonly broker: Broker;
  readonly configured: ConfiguredServers;
  readonly problems: SettingsProblems;
  readonly storage: Storage;
  /** Why there is no proxy, in sentences; undefined while it starts, and when it listens. */
  readonly proxyFailure: () => string | undefined;
  readonly clock: Clock;
}

/** One item that says how the credentials of this window are. Absent while no server is configured. */
export class StatusBar implements Disposable {
  readonly #item: StatusBarItem;
  readonly #listening: readonly Disposable[];
  #tick: Disposable | undefined;

  constructor(private readonly parts: StatusBarParts) {
    const { vs, broker, configured, problems, storage, clock } = parts;
    this.#item = vs.window.createStatusBarItem('mcpCredentials.status', vs.StatusBarAlignment.Right, 90);
    this.#item.name = vs.l10n.t('MCP Credentials');
    this.#item.command = 'mcpCredentials.showStatus';
    const calm = new CalmLook(
      clock,
      () => broker.servers().length,
      () => this.render(),
    );
    const changing = [broker, configured, problems, storage];
    this.#listening = [calm, ...changing.map((part) => part.onDidChange(() => calm.afterChange()))];
  }

  render(): void {
    this.#tick?.dispose();
    this.#tick = undefined;
    const { vs, broker, configured, problems, storage, proxyFailure, clock } = this.parts;
    const servers = broker.servers();
    if (servers.length === 0 && configured.unanswered.length === 0 && problems.all.length === 0) {
      this.#item.hide();
      return;
    }
    const nowMs = clock.nowMs();
    const states = servers.map(({ id }) => broker.state(id));
    const { condition } = storage.health;
    const hasNoProxy = proxyFailure() !== undefined;
    const { text, mustAct } = summary(vs.l10n, states, nowMs, { condition, hasNoProxy });
    const background = mustAct ? new vs.ThemeColor('statusBarItem.warningBackground') : undefined;
    if (this.#item.text !== text) this.#item.text = text;
    if (this.#item.backgroundColor?.id !== background?.id) this.#item.backgroundColor = background;
    const tooltip = this.#tooltip(nowMs);
    if ((this.#item.tooltip as MarkdownString | undefined)?.value !== tooltip.value)
      this.#item.tooltip = tooltip;
    this.#item.show();
    if (states.some((state) => endOf(state) !== undefined))
      this.#tick = clock.after(tickMs, () => this.render());
  }

  dispose(): void {
    this.#tick?.dispose();
    for (const listening of this.#listening) listening.dispose();
    this.#item.dispose();
  }

  /** A line for each account with the servers it is used for, then what waits for the user. */
  #tooltip(nowMs: number): MarkdownString {
    const { vs, broker, configured, problems, storage, proxyFailure } = this.parts;
    const { l10n } = vs;
    const lines = new Map<string, { account: string; state: string; ids: string[] }>();
    for (const { id } of broker.servers()) {
      const account = broker.account(id)?.label ?? l10n.t('No account');
      const state = stateText(l10n, broker.state(id), nowMs);
      const key = JSON.stringify([account, state]);
      lines.set(key, { account, state, ids: [...(lines.get(key)?.ids ?? []), id] });
    }
    const tooltip = new vs.MarkdownString('', true);
    const add = (icon: string, text: string) => tooltip.appendMarkdown(`$(${icon}) ${plain(text)}\n\n`);
    for (const { account, state, ids } of lines.values())
      add('key', `${account} (${ids.join(', ')}) – ${state}`);
    for (const { id } of configured.unanswered) add('question', l10n.t('{0} – waits for your answer', id));
    for (const { place, label, message } of problems.all) add('error', `${label ?? place}: ${message}`);
    const failure = proxyFailure();
    if (failure !== undefined) add('warning', failure);
    const { health } = storage;
    add('database', healthText(l10n, health, nowMs));
    if (health.setAside > 0) add('warning', setAsideText(l10n, health.setAside));
    return tooltip;
  }
}

/** Names come from servers and workspaces, so nothing in them may act as Markdown: no link, no image, no icon. */
const plain = (text: string): string =>
  text.replace(/[^\p{L}\p{N} ]/gu, (sign) => `&#${sign.codePointAt(0)};`);

interface Summary {
  readonly text: string;
  /** Whether nothing goes on until the user does something. */
  readonly mustAct: boolean;
}

/** What nothing works without, whoever is signed in. */
interface Foundations extends Pick<StorageHealth, 'condition'> {
  /** Whether the proxy could not start. */
  readonly hasNoProxy: boolean;
}

/** The item's text: the state that matters most, who it is about, and the time to the next expiry. */
export function summary(
  l10n: VSCode['l10n'],
  states: readonly CredentialState[],
  nowMs: number,
  { condition, hasNoProxy }: Foundations,
): Summary {
  const urgent = [...states].sort((a, b) => urgency(a) - urgency(b))[0];
  const calm = (text: string): Summary => ({ text, mustAct: false });
  if (condition.kind === 'unusable') return { text: `$(warning) ${l10n.t('MCP: storage')}`, mustAct: true };
  if (hasNoProxy) return { text: `$(warning) ${l10n.t('MCP: proxy')}`, mustAct: true };
  if (urgent === undefined) return calm(`$(key) ${l10n.t('MCP')}`);
  switch (urgent.kind) {
    case 'needs-sign-in':
      return { text: `$(warning) ${l10n.t('Sign in: {0}', short(urgent.account.label))}`, mustAct: true };
    case 'signing-in':
      return calm(`$(loading~spin) ${l10n.t('Signing in')}`);
    case 'retrying':
      return calm(`$(debug-disconnect) ${who(l10n, states)}`);
    case 'ready':
    case 'refreshing':
      return calm(
        `$(key) ${[who(l10n, states), timeLeft(l10n, states, nowMs)].filter((part) => part !== '').join(' · ')}`,
      );
    case 'locked':
      return calm(`$(lock) ${l10n.t('MCP: locked')}`);
    case 'signed-out':
      return calm(
        `$(key) ${urgent.mustChoose === true ? l10n.t('MCP: choose an account') : l10n.t('MCP: signed out')}`,
      );
    default:
      return assertNever(urgent);
  }
}

function urgency({ kind }: CredentialState): number {
  const order: readonly CredentialState['kind'][] = [
    'locked',
    'needs-sign-in',
    'signing-in',
    'retrying',
    'refreshing',
    'ready',
    'signed-out',
  ];
  return order.indexOf(kind);
}

function who(l10n: VSCode['l10n'], states: readonly CredentialState[]): string {
  const labels = new Set(states.flatMap((state) => ('account' in state ? [state.account.label] : [])));
  const [only = ''] = labels;
  return labels.size === 1 ? short(only) : l10n.t('{0} accounts', labels.size);
}

function timeLeft(l10n: VSCode['l10n'], states: readonly CredentialState[], nowMs: number): string {
  const soonestMs = Math.min(...states.map((state) => endOf(state) ?? Infinity));
  if (soonestMs === Infinity) return '';
  return soonestMs - nowMs < 60_000 ? l10n.t('<1 min') : durationText(l10n, soonestMs - nowMs);
}

const endOf = (state: CredentialState): number | undefined =>
  'expiresAtMs' in state ? state.expiresAtMs : undefined;

const short = (label: string): string => {
  const plainLabel = iconless(label);
  return plainLabel.length > nameLimit ? `${plainLabel.slice(0, nameLimit - 1)}…` : plainLabel;
};

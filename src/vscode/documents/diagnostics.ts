import type { Broker } from '../../broker/broker.js';
import type { Counters } from '../../core/counters.js';
import type { CredentialState } from '../../core/state.js';
import type { Network } from '../../core/network.js';
import type { Clock } from '../../core/ports.js';
import type { Storage } from '../../core/storage.js';
import type { VSCode } from '../editor/api.js';
import type { Settings } from '../settings/settings.js';
import type { SettingsProblems } from '../settings/settings-problems.js';

/** What runs where. */
interface Versions {
  readonly extension: string;
  /** The operating system, the processor and Node. */
  readonly platform: string;
}

export interface DiagnosticsParts {
  readonly vs: VSCode;
  readonly versions: Versions;
  readonly broker: Broker;
  readonly storage: Storage;
  readonly settings: Settings;
  readonly problems: SettingsProblems;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly network: Network;
}

/**
 * How everything stands, as a text for an issue: in English whatever the editor's language, and without anything
 * that names a person or opens a door. Accounts and servers have numbers; of addresses only the host is shown.
 */
export function diagnostics(parts: DiagnosticsParts): string {
  const sections: readonly (readonly [title: string, rows: readonly (readonly [string, string])[]])[] = [
    ['Versions', versionRows(parts)],
    ['Servers', serverRows(parts)],
    ['Exceptions for authorization servers', quirkRows(parts)],
    ['Background', backgroundRows(parts)],
    ['Storage', storageRows(parts)],
    ['Settings', settingRows(parts)],
    ...countGroups(parts.counters),
  ];
  return [
    'MCP Credentials Diagnostics',
    '',
    'This is meant for an issue. It names hosts of your servers, but no accounts, no secrets and no',
    'addresses beyond the host. Look it over before you paste it.',
    ...sections.flatMap(([title, rows]) => ['', title, ...aligned(rows)]),
    '',
  ].join('\n');
}

function versionRows({ vs, versions, clock }: DiagnosticsParts): [string, string][] {
  const { appName, remoteName, uiKind } = vs.env;
  return [
    ['extension', versions.extension],
    ['editor', `${appName} ${vs.version}`],
    ['window', `${uiKind === vs.UIKind.Web ? 'browser' : 'desktop'}, ${remoteName ?? 'local'}`],
    ['platform', versions.platform],
    ['workspace', vs.workspace.isTrusted ? 'trusted' : 'not trusted'],
    ['time', new Date(clock.nowMs()).toISOString()],
  ];
}

function serverRows({ broker, clock }: DiagnosticsParts): [string, string][] {
  const accounts = new Map<string, string>();
  const numbered = (account: { readonly issuer: string; readonly subject: string }): string => {
    const key = JSON.stringify([account.issuer, account.subject]);
    const name = accounts.get(key) ?? `account ${accounts.size + 1} of ${hostOf(account.issuer)}`;
    accounts.set(key, name);
    return name;
  };
  const servers = broker.servers();
  if (servers.length === 0) return [['none', '']];
  return servers.map(({ id, url }, index) => {
    const account = broker.account(id);
    const state = stateWords(broker.state(id), clock.nowMs());
    const who = account === undefined ? 'no account' : numbered(account);
    return [`server ${index + 1}`, `${hostOf(url)}, ${who}, ${state}`];
  });
}

function quirkRows({ broker }: DiagnosticsParts): [string, string][] {
  const accounts = broker.servers().flatMap(({ id }) => broker.account(id) ?? []);
  const rows = accounts.flatMap((account) =>
    broker.quirksOf(account).map(({ reason }): [string, string] => [hostOf(account.issuer), reason]),
  );
  const once = new Map(rows.map((row) => [JSON.stringify(row), row]));
  return rows.length === 0 ? [['none', '']] : [...once.values()];
}

function backgroundRows({ counters, clock, network }: DiagnosticsParts): [string, string][] {
  const wakesAtMs = counters.get('background.wakesAtMs');
  const next = wakesAtMs === 0 ? 'nothing to look after' : `in ${secondsTo(wakesAtMs, clock.nowMs())}`;
  return [
    ['service', counters.conditions['background.service']],
    ['next look', next],
    ['network', network.isDown() ? 'down' : 'up'],
  ];
}

const secondsTo = (atMs: number, nowMs: number): string => `${Math.round((atMs - nowMs) / 1_000)} s`;

function stateWords(state: CredentialState, nowMs: number): string {
  return [
    state.kind,
    'expiresAtMs' in state && `token ends in ${secondsTo(state.expiresAtMs, nowMs)}`,
    'nextAttemptAtMs' in state && `next attempt in ${secondsTo(state.nextAttemptAtMs, nowMs)}`,
    'code' in state && state.code,
    'reason' in state && state.reason,
    'otherAudience' in state && `token for ${state.otherAudience.split(' ').map(hostOrNone).join(' and ')}`,
  ]
    .filter((part) => typeof part === 'string')
    .join(', ');
}

/** Paths can name a person, so there are none. */
function storageRows({ storage }: DiagnosticsParts): [string, string][] {
  const { backend, directory, condition, setAside, moveFailure } = storage.health;
  return [
    ['backend', backend],
    ['directory', directory === undefined ? "the editor's" : 'set'],
    ['condition', moveFailure === undefined ? condition.kind : `${condition.kind}, not moved`],
    ['damaged entries set aside', String(setAside)],
  ];
}

function settingRows({ settings, problems }: DiagnosticsParts): [string, string][] {
  const changed = settings.changed().map(({ id, source, value }): [string, string] => {
    // Texts and objects can hold names, paths and addresses; which of a few words it is, or a number, tells nobody.
    return [id, `${value === undefined ? 'set' : JSON.stringify(value)} (${source})`];
  });
  const wrong = problems.all.map(({ place }): [string, string] => [place, 'has a mistake']);
  const rows = [...changed, ...wrong];
  return rows.length === 0 ? [['all as they come', '']] : rows;
}

/** The counts and measures under the first part of their names. */
function countGroups(counters: Counters): [string, [string, string][]][] {
  const groups = new Map<string, [string, string][]>();
  for (const [name, value] of counters.entries()) {
    const [group = '', ...rest] = name.split('.');
    // An instant, which the section of the background has in words.
    if (group === 'background') continue;
    const rows = groups.get(group) ?? [];
    rows.push([rest.join('.'), String(value)]);
    groups.set(group, rows);
  }
  return [...groups].map(([group, rows]) => [`Counts: ${group}`, rows]);
}

function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`.trimEnd());
}

/** Of what a token says, which may be cut off. */
const hostOrNone = (url: string): string => (URL.canParse(url) ? hostOf(url) : '…');

function hostOf(url: string): string {
  return new URL(url).host;
}

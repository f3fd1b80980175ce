import { assertNever } from '../../core/assert-never.js';
import type { AuditExcerpt, AuditKind, AuditRecord, AuditTrail } from '../../core/audit.js';
import { describeError } from '../../core/errors.js';
import type { VSCode } from '../editor/api.js';
import { inLine } from '../editor/in-line.js';
import { table } from '../texts/text-table.js';

type L10n = VSCode['l10n'];

/** How many records are shown at most. */
const shownRecords = 2_000;

/** The newest of the audit trail as a text to read; why it cannot be read when it cannot. */
export async function auditText(l10n: L10n, trail: AuditTrail, isEnabled: boolean): Promise<string> {
  let excerpt: AuditExcerpt;
  try {
    excerpt = await trail.newest(shownRecords);
  } catch (error) {
    return lines([l10n.t('The audit trail cannot be read: {0}', describeError(error))]);
  }
  return auditTable(l10n, excerpt, isEnabled);
}

/**
 * The newest first, in this computer's time.
 * @param isEnabled - whether events are being recorded now
 */
export function auditTable(l10n: L10n, excerpt: AuditExcerpt, isEnabled: boolean): string {
  const { records, damaged, isAll, folder } = excerpt;
  if (folder === undefined) {
    return lines([l10n.t('No audit trail is kept, because the settings want nothing to be kept at all.')]);
  }
  const off = isEnabled
    ? []
    : [l10n.t('Nothing is being recorded: the setting “mcpCredentials.audit.enabled” is off.')];
  if (records.length === 0 && damaged === 0) {
    return lines([
      ...off,
      l10n.t('Nothing has been recorded yet.'),
      l10n.t(
        'A line is added whenever somebody signs in or out, a token is renewed, a server is given a credential for the first time, or a request is refused.',
      ),
      l10n.t('The files will be in {0}.', folder),
    ]);
  }
  const header = [
    l10n.t('Time'),
    l10n.t('Event'),
    l10n.t('Server'),
    l10n.t('Account'),
    l10n.t('Window'),
    l10n.t('Details'),
  ];
  return lines([
    l10n.t(
      'What happened to your credentials, newest first. Credentials are named by a fingerprint; no token is in here.',
    ),
    l10n.t('The files are in {0}.', folder),
    ...off,
    ...(damaged === 0 ? [] : [l10n.t('Lines that could not be read: {0}', damaged)]),
    '',
    ...table([header, ...records.map((record) => row(l10n, record))]),
    ...(isAll ? [] : ['', l10n.t('These are the newest {0}. Older ones are in the files.', records.length)]),
  ]);
}

const lines = (texts: readonly string[]): string => `${texts.join('\n')}\n`;

function row(l10n: L10n, record: AuditRecord): string[] {
  const { time, kind, outcome, server = '', account = '', window = '' } = record;
  const event = kindText(l10n, kind);
  return [
    localTime(new Date(time)),
    outcome === undefined ? event : `${event}: ${outcomeText(l10n, outcome)}`,
    server,
    account,
    window,
    detailsText(l10n, record),
  ].map(inLine);
}

function kindText(l10n: L10n, kind: AuditKind): string {
  switch (kind) {
    case 'sign-in':
      return l10n.t('Sign-in');
    case 'sign-out':
      return l10n.t('Sign-out');
    case 'refresh':
      return l10n.t('Renewal');
    case 'refusal':
      return l10n.t('Refused request');
    case 'question':
      return l10n.t('Question');
    case 'binding':
      return l10n.t('Choice of account');
    case 'delivery':
      return l10n.t('First use of a token');
    case 'lease-takeover':
      return l10n.t('Lease taken over');
    case 'import':
      return l10n.t('Import');
    default:
      return assertNever(kind);
  }
}

/** Another version of this extension may have words that this one does not know; they are shown as they are. */
function outcomeText(l10n: L10n, outcome: string): string {
  const texts: Readonly<Record<string, () => string>> = {
    completed: () => l10n.t('done'),
    renewed: () => l10n.t('done'),
    failed: () => l10n.t('failed'),
    expired: () => l10n.t('removed long after its end'),
    unavailable: () => l10n.t('no usable answer'),
    refused: () => l10n.t('refused for good'),
    braked: () => l10n.t('held back, there were too many'),
    revoked: () => l10n.t('access revoked'),
    forgotten: () => l10n.t('forgotten here only'),
    'signed-in': () => l10n.t('by signing in'),
    chosen: () => l10n.t('by the user'),
    granted: () => l10n.t('by a grant that needs no user'),
    only: () => l10n.t('the only one that fits'),
    imported: () => l10n.t('done'),
    kept: () => l10n.t('forgotten here, access not revoked'),
    'not-newer': () => l10n.t('what was here is no older and stays'),
    'another-person': () => l10n.t('refused, the tokens are somebody else’s'),
    'another-issuer': () => l10n.t('refused, the tokens are another authorization server’s'),
    ended: () => l10n.t('refused, its sign-in had ended'),
    dead: () => l10n.t('its window had ended'),
    allowed: () => l10n.t('allowed'),
    denied: () => l10n.t('not allowed'),
    unanswered: () => l10n.t('nobody answered'),
    frozen: () => l10n.t('its window stood still'),
  };
  return Object.hasOwn(texts, outcome) ? (texts[outcome]?.() ?? outcome) : outcome;
}

function detailsText(l10n: L10n, record: AuditRecord): string {
  const { code, use, credential, generation, resource, issuer, scopes = [] } = record;
  return [
    code?.replaceAll('_', ' '),
    use,
    credential !== undefined && l10n.t('credential {0}', credential),
    generation !== undefined && l10n.t('generation {0}', generation),
    resource !== undefined && l10n.t('for {0}', resource),
    issuer !== undefined && l10n.t('from {0}', issuer),
    scopes.length > 0 && l10n.t('scopes {0}', scopes.join(' ')),
  ]
    .filter((part) => typeof part === 'string')
    .join(', ');
}

/** The moment as the clock on the wall showed it. */
function localTime(moment: Date): string {
  const two = (part: number) => String(part).padStart(2, '0');
  const date = [moment.getFullYear(), two(moment.getMonth() + 1), two(moment.getDate())].join('-');
  return `${date} ${[moment.getHours(), moment.getMinutes(), moment.getSeconds()].map(two).join(':')}`;
}

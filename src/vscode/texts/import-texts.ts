import { assertNever } from '../../core/assert-never.js';
import type { ImportResult } from '../../broker/imports.js';
import type { FoundCredential, ImportOrigin, Removal, UnusableReason } from '../../core/importing.js';
import type { VSCode } from '../editor/api.js';
import { reasonText } from './state-texts.js';
import type { StoragePlace } from './place-text.js';

type L10n = VSCode['l10n'];

/** Of which program something is. */
export function originText(l10n: L10n, origin: ImportOrigin): string {
  switch (origin) {
    case 'google_workspace_mcp':
      return l10n.t('google_workspace_mcp');
    case 'gcloud':
      return l10n.t('gcloud, application default credentials');
    case 'GOOGLE_APPLICATION_CREDENTIALS':
      return l10n.t('named by the variable GOOGLE_APPLICATION_CREDENTIALS');
    case 'mcp-remote':
      return l10n.t('mcp-remote');
    default:
      return assertNever(origin);
  }
}

/** Why an entry cannot be imported: the rest of a sentence that begins with it, without its full stop. */
export function unusableText(l10n: L10n, why: UnusableReason): string {
  switch (why) {
    case 'unreadable':
      return l10n.t('cannot be read');
    case 'too-large':
      return l10n.t('is too large for credentials');
    case 'not-json':
      return l10n.t('is damaged: it is not JSON');
    case 'incomplete':
      return l10n.t('is damaged: something is missing');
    case 'no-refresh-token':
      return l10n.t('has no refresh token, so it ends within the hour; sign in instead');
    case 'no-client':
      return l10n.t('does not say for which client it is; sign in instead');
    case 'no-email':
      return l10n.t('is not named after an e-mail address, so nobody knows whose it is');
    case 'another-issuer':
      return l10n.t('is for another token endpoint than Google’s, so nothing of it is sent to Google');
    case 'unknown-server':
      return l10n.t(
        'belongs to an MCP server that is not in your settings; add the server, then import again',
      );
    default:
      return assertNever(why);
  }
}

/** What was imported, as one sentence, so that many of them fit into a notification; none when nothing was. */
export function importedText(l10n: L10n, labels: readonly string[]): readonly string[] {
  const [only, ...others] = labels;
  if (only === undefined) return [];
  return [
    others.length === 0 ? l10n.t('{0} is imported.', only) : l10n.t('Imported: {0}.', labels.join(', ')),
  ];
}

/** `path` with `~` for the user's home folder; as it is on Windows, where nobody writes it so. */
export const homePath = (path: string, homeFolder: string): string => {
  const home = homeFolder.replace(/\/$/, '');
  return home !== '' && path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
};

/** Files by the folder that they are in, which is named once: a name of a folder may be longer than the line. */
export function filesText(paths: readonly string[]): string {
  const byFolder = new Map<string, string[]>();
  for (const path of paths) {
    const end = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1;
    const folder = path.slice(0, end);
    byFolder.set(folder, [...(byFolder.get(folder) ?? []), path.slice(end)]);
  }
  return [...byFolder]
    .map(([folder, names]) => [folder, ...names.map((name) => `• ${name}`)].join('\n'))
    .join('\n\n');
}

/** How the import of an entry ended otherwise than well, as a sentence. */
export function resultText(
  l10n: L10n,
  { name }: FoundCredential,
  result: Exclude<ImportResult, { readonly kind: 'imported' }>,
  place: StoragePlace,
): string {
  switch (result.kind) {
    case 'kept':
      return result.isCovered
        ? l10n.t('{0} is here already, and no older; that one is kept.', result.account.label)
        : l10n.t(
            '{0} is here already, and no older; that one is kept. It allows less than the file “{1}”, which stays.',
            result.account.label,
            name,
          );
    case 'another-person':
      return l10n.t(
        '“{0}” is not imported: its tokens are those of {1}. Sign in as {0} instead.',
        result.named,
        result.actual,
      );
    case 'ended':
      return [
        l10n.t('“{0}” is not imported:', name),
        reasonText(l10n, result.reason, name, place),
        l10n.t('To use it here, run “MCP Credentials: Sign In”.'),
      ].join(' ');
    case 'another-issuer':
      return l10n.t(
        '“{0}” is not imported: its server now signs in at {1}, and these tokens are of another authorization server.',
        name,
        result.issuer,
      );
    default:
      return assertNever(result);
  }
}

/** What became of a file that was to be deleted, when it was not: the rest of a sentence. */
export function removalText(l10n: L10n, removal: Exclude<Removal, 'removed' | 'gone'>): string {
  switch (removal) {
    case 'changed':
      return l10n.t('has changed since it was read, so it is still there');
    case 'failed':
      return l10n.t('could not be deleted');
    default:
      return assertNever(removal);
  }
}

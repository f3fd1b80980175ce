import type { ScopeGroup, ScopeWords } from '../../core/server-preset.js';
import type { VSCode } from '../editor/api.js';

/** How the user says what an account may be used for at a server. */
export interface ScopeChoiceParts {
  readonly vs: VSCode;
  /** What a scope lets somebody do; undefined for one that is not known. */
  readonly scopeWords: (scope: string) => ScopeWords | undefined;
}

/**
 * Asks for the services that a server is used with, and whether it may change anything there.
 * @param title - of the menus
 * @returns undefined when the user leaves
 */
export async function askForServices(
  parts: ScopeChoiceParts,
  title: string,
  services: readonly ScopeGroup[],
): Promise<readonly string[] | undefined> {
  const { l10n, window } = parts.vs;
  const items = services.map((service) => ({
    label: service.label,
    detail: textOf(parts, service.full),
    service,
  }));
  const placeHolder = l10n.t('Which services of Google does it use?');
  const options = { title, placeHolder, canPickMany: true, matchOnDetail: true } as const;
  const chosen = await window.showQuickPick(items, options);
  if (chosen === undefined || chosen.length === 0) return undefined;
  const all = (part: 'full' | 'readOnly') => [...new Set(chosen.flatMap(({ service }) => service[part]))];
  return askHowFar(parts, title, { full: all('full'), readOnly: all('readOnly') });
}

/**
 * Asks whether a server may change anything, where that makes a difference.
 * @returns undefined when the user leaves
 */
export async function askHowFar(
  parts: ScopeChoiceParts,
  title: string,
  { full, readOnly }: Pick<ScopeGroup, 'full' | 'readOnly'>,
): Promise<readonly string[] | undefined> {
  const { l10n, window } = parts.vs;
  if (full.every((scope) => readOnly.includes(scope))) return full;
  const items = [
    { label: l10n.t('$(eye) Read Only'), detail: textOf(parts, readOnly), scopes: readOnly },
    { label: l10n.t('$(edit) Read and Change'), detail: textOf(parts, full), scopes: full },
  ];
  const placeHolder = l10n.t('What may it do with your account? It can be widened later.');
  return (await window.showQuickPick(items, { title, placeHolder }))?.scopes;
}

/** What `scopes` allow; a service is named once. */
function textOf({ scopeWords }: ScopeChoiceParts, scopes: readonly string[]): string {
  const all = scopes.map((scope) => scopeWords(scope) ?? { service: '', text: scope });
  return all
    .map(({ service, text }, n) =>
      service === '' || service === all[n - 1]?.service ? text : `${service}: ${text}`,
    )
    .join('; ');
}

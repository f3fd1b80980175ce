import type { VSCode } from '../editor/api.js';
import { isRecord, Mistake } from './setting-values.js';
import type { SettingsProblem } from './settings-problems.js';

/**
 * Reads a setting that is an object of named entries. A wrong entry is left out with a message; the others stand.
 * @param about - where the value stands: the setting's name, or the environment variable's; and what is named in the
 *   object, as a mistake says it
 * @param parse - reads one entry. @throws Mistake
 */
export function parseEntries<T>(
  l10n: VSCode['l10n'],
  value: unknown,
  { place, content }: { readonly place: string; readonly content: string },
  parse: (name: string, entry: unknown) => T,
): { readonly entries: readonly T[]; readonly problems: readonly SettingsProblem[] } {
  if (value === undefined) return { entries: [], problems: [] };
  if (!isRecord(value))
    return { entries: [], problems: [{ place, message: l10n.t('must be an object: {0}', content) }] };
  const entries: T[] = [];
  const problems: SettingsProblem[] = [];
  for (const [label, entry] of Object.entries(value)) {
    try {
      entries.push(parse(label, entry));
    } catch (error) {
      if (!(error instanceof Mistake)) throw error;
      problems.push({ place, label, message: error.text(l10n) });
    }
  }
  return { entries, problems };
}

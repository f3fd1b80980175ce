import type { VSCode } from '../editor/api.js';
import { fits, mistakeText, type SettingSchema, type SettingSchemas } from './setting-schema.js';
import type { SettingsProblem } from './settings-problems.js';

/** The environment of a process. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** What the environment says about the settings. */
export interface EnvironmentSettings {
  /** By the full name of the setting; only what the manifest allows. */
  readonly values: ReadonlyMap<string, unknown>;
  readonly problems: readonly SettingsProblem[];
}

const prefix = 'MCP_CREDENTIALS_';

/** Variables that are ours without being settings: a passphrase must never be one. */
const otherVariables = ['MCP_CREDENTIALS_PASSPHRASE'];

/**
 * The environment variable for a setting.
 * @param id - its full name: `mcpCredentials.refresh.leadMinutes` is `MCP_CREDENTIALS_REFRESH_LEAD_MINUTES`
 */
export function variableFor(id: string): string {
  return id
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('.', '_')
    .toUpperCase();
}

/**
 * Reads every setting that the environment gives. An empty variable is as good as none, since that is what a
 * container is given for a variable that its computer does not have.
 */
export function readEnvironment(
  l10n: VSCode['l10n'],
  schemas: SettingSchemas,
  variables: Variables,
): EnvironmentSettings {
  const settings = new Map(Object.keys(schemas).map((id) => [variableFor(id), id]));
  const values = new Map<string, unknown>();
  const problems: SettingsProblem[] = [];
  for (const [place, text] of Object.entries(variables)) {
    if (text === undefined || text === '' || !place.toUpperCase().startsWith(prefix)) continue;
    const id = settings.get(place);
    const schema = id === undefined ? undefined : schemas[id];
    if (id === undefined || schema === undefined) {
      if (otherVariables.includes(place)) continue;
      // What it holds is not shown: it may be a passphrase under a mistyped name.
      const nearest = nearestTo(place, [...settings.keys(), ...otherVariables]);
      problems.push({ place, message: l10n.t('is not a setting; the nearest is: {0}', nearest) });
      continue;
    }
    const value = parsed(text, schema);
    if (fits(value, schema)) values.set(id, value);
    else problems.push({ place, message: mistakeText(l10n, text, schema) });
  }
  return { values, problems };
}

/** @returns the text itself when it cannot be one of the schema's type */
function parsed(text: string, { type }: SettingSchema): unknown {
  switch (type) {
    case 'integer':
    case 'number':
      return /^\s*-?\d+(\.\d+)?\s*$/.test(text) ? Number(text) : text;
    case 'boolean':
      return ({ true: true, false: false } as Record<string, boolean>)[text.trim()] ?? text;
    case 'object':
      return json(text);
    default:
      return text;
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function nearestTo(name: string, known: readonly string[]): string {
  const distances = known.map((candidate) => [distance(name, candidate), candidate] as const);
  return distances.reduce((best, next) => (next[0] < best[0] ? next : best))[1];
}

/** How many characters must be put in, taken out or changed (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, left] of Array.from(a).entries()) {
    const next = [i + 1];
    for (const [j, right] of Array.from(b).entries()) {
      const changed = (row[j] ?? 0) + (left === right ? 0 : 1);
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

import type { VSCode } from '../editor/api.js';

/** What the manifest says about one setting, as far as it is needed to read it. */
export interface SettingSchema {
  readonly type: string;
  readonly default: unknown;
  readonly scope?: string;
  readonly enum?: readonly string[];
  /** What a text must match. */
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** The settings that the manifest declares, by their full names. */
export type SettingSchemas = Readonly<Record<string, SettingSchema>>;

/** A value that may be a secret in the wrong place is quoted only if it is shorter than secrets are. */
const quoteLimit = 16;
const beginLength = 6;

/** Whether the manifest allows `value`. */
export function fits(
  value: unknown,
  { type, enum: choices, pattern, minimum, maximum }: SettingSchema,
): boolean {
  if (!isOfType(value, type)) return false;
  if (pattern !== undefined && !new RegExp(pattern).test(value as string)) return false;
  if (choices !== undefined && !choices.includes(value as string)) return false;
  return !(Number(value) < (minimum ?? -Infinity)) && !(Number(value) > (maximum ?? Infinity));
}

function isOfType(value: unknown, type: string): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'number') return Number.isFinite(value);
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === type;
}

/** What is wrong with `value`, and what belongs in its place: the rest of a sentence that begins with the place. */
export function mistakeText(l10n: VSCode['l10n'], value: unknown, schema: SettingSchema): string {
  return l10n.t('is {0}, and must be {1}', quoted(value), whatBelongs(l10n, schema));
}

function whatBelongs(l10n: VSCode['l10n'], schema: SettingSchema): string {
  const { type, enum: choices, pattern, minimum, maximum } = schema;
  if (choices !== undefined) {
    return l10n.t('one of {0}', choices.map((choice) => JSON.stringify(choice)).join(', '));
  }
  const bounds = minimum !== undefined && maximum !== undefined;
  switch (type) {
    case 'integer':
      return bounds ? l10n.t('a whole number from {0} to {1}', minimum, maximum) : l10n.t('a whole number');
    case 'number':
      return bounds ? l10n.t('a number from {0} to {1}', minimum, maximum) : l10n.t('a number');
    case 'boolean':
      return l10n.t('true or false');
    case 'string':
      return pattern === undefined ? l10n.t('a text') : l10n.t('a text that matches {0}', pattern);
    default:
      return l10n.t('a JSON object');
  }
}

/** Somebody may have put anything there: text is shown whole only when it is too short for a secret. */
function quoted(value: unknown): string {
  const json = JSON.stringify(value);
  return json.length <= quoteLimit ? json : `${json.slice(0, beginLength)}…${json.endsWith('"') ? '"' : ''}`;
}

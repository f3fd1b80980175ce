import { parseAddress, type AddressFlaw } from '../../core/address.js';
import { BrokerError } from '../../core/errors.js';
import type { VSCode } from '../editor/api.js';
import { flawText } from '../texts/address-text.js';

type L10n = VSCode['l10n'];

/** What is wrong with an entry. */
export class Mistake extends Error {
  /** @param text - the mistake in the editor's language, as the rest of a sentence */
  constructor(
    readonly text: (l10n: L10n) => string,
    options?: ErrorOptions,
  ) {
    super('An entry in the settings is wrong.', options);
  }
}

/**
 * @param name - of the member that holds it, quoted
 * @throws Mistake
 */
export function address(value: unknown, name: string): string {
  const given = text(value, name);
  const mistake = addressMistake(given);
  if (mistake === undefined) return given;
  throw new Mistake((l10n) => `${name}: ${mistake.text(l10n)}`, { cause: mistake.cause });
}

/** What is wrong with an address, in a sentence that begins with it; undefined when nothing is. */
export function addressMistake(given: string): Mistake | undefined {
  try {
    parseAddress(given);
    return undefined;
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    // The details repeat the address without a password that may stand in it.
    const { address: shown, why } = error.details;
    return new Mistake((l10n) => `${show(l10n, shown)} ${flawText(l10n, why as AddressFlaw)}`, {
      cause: error,
    });
  }
}

/** @throws Mistake */
export function text(value: unknown, name: string): string {
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw new Mistake((l10n) =>
    l10n.t('{0} must be a text that is not empty, not {1}', name, show(l10n, value)),
  );
}

/** @throws Mistake */
export function choice<T extends string>(value: unknown, choices: readonly T[], name: string): T {
  const chosen = choices.find((one) => one === value);
  if (chosen !== undefined) return chosen;
  throw new Mistake((l10n) =>
    l10n.t(
      '{0} must be one of {1}, not {2}',
      name,
      choices.map((one) => show(l10n, one)).join(', '),
      show(l10n, value),
    ),
  );
}

/**
 * RFC 6749 §3.3: a scope token holds no space, quote or backslash.
 * @throws Mistake
 */
export function scopeList(value: unknown, name: string): readonly string[] {
  const isScope = (item: unknown): item is string =>
    typeof item === 'string' && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(item);
  if (Array.isArray(value) && value.every(isScope)) return value;
  throw new Mistake((l10n) =>
    l10n.t('{0} must be a list of scopes, each without spaces, not {1}', name, show(l10n, value)),
  );
}

/** @throws Mistake when `object` has a member that is not `known`, which would be a mistyped one */
export function rejectUnknown(
  object: Record<string, unknown>,
  known: readonly string[],
  prefix: string,
): void {
  const unknown = Object.keys(object).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw new Mistake((l10n) =>
    l10n.t(
      '{0} is not known here; there is {1}',
      show(l10n, prefix + unknown),
      known.map((key) => show(l10n, prefix + key)).join(', '),
    ),
  );
}

/** Quoted and short: a setting may hold anything, even a secret pasted in the wrong place. */
export const show = (l10n: L10n, value: unknown): string => {
  const json = value === undefined ? l10n.t('nothing') : JSON.stringify(value);
  return json.length > 80 ? `${json.slice(0, 79)}…` : json;
};

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

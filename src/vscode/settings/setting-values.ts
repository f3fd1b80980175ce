import { parseAddress } from '../../core/address.js';
import { BrokerError } from '../../core/errors.js';

/** What is wrong with an entry, as the rest of a sentence. */
export class Mistake extends Error {}

/** @throws Mistake */
export function address(value: unknown, name: string): string {
  const given = text(value, name);
  try {
    parseAddress(given);
    return given;
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    // The details repeat the address without a password that may stand in it.
    const { address: shown, why } = error.details;
    throw new Mistake(`${name}: ${show(shown)} ${String(why)}`, { cause: error });
  }
}

/** @throws Mistake */
export function text(value: unknown, name: string): string {
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw new Mistake(`${name} must be a text that is not empty, not ${show(value)}`);
}

/** @throws Mistake */
export function choice<T extends string>(value: unknown, choices: readonly T[], name: string): T {
  const chosen = choices.find((one) => one === value);
  if (chosen !== undefined) return chosen;
  throw new Mistake(
    `${name} must be one of ${choices.map((one) => show(one)).join(', ')}, not ${show(value)}`,
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
  throw new Mistake(`${name} must be a list of scopes, each without spaces, not ${show(value)}`);
}

/** @throws Mistake when `object` has a member that is not `known`, which would be a mistyped one */
export function rejectUnknown(
  object: Record<string, unknown>,
  known: readonly string[],
  prefix: string,
): void {
  const unknown = Object.keys(object).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw new Mistake(
    `${show(prefix + unknown)} is not known here; there is ${known.map((key) => show(prefix + key)).join(', ')}`,
  );
}

/** Quoted and short: a setting may hold anything, even a secret pasted in the wrong place. */
export const show = (value: unknown): string => {
  const json = value === undefined ? 'nothing' : JSON.stringify(value);
  return json.length > 80 ? `${json.slice(0, 79)}…` : json;
};

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

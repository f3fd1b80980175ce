import { Secret } from '../core/secret.js';

/** The JSON object that `text` is; undefined when it is none. Whatever the parser says would quote secrets. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return undefined;
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Readonly<Record<string, unknown>>) : undefined;
}

/** A text that is not empty. */
export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;

/** A token or secret: one word of printable ASCII (RFC 6749, appendix A). */
export const secretOf = (value: unknown): Secret | undefined =>
  typeof value === 'string' && /^[\x21-\x7e]+$/.test(value) ? new Secret(value) : undefined;

/** The scopes in a list or in a text with spaces between them. */
export function scopesOf(value: unknown): readonly string[] {
  const items: readonly unknown[] = typeof value === 'string' ? value.split(' ') : asList(value);
  const isScope = (item: unknown): item is string =>
    typeof item === 'string' && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(item);
  return [...new Set(items.filter(isScope))];
}

const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

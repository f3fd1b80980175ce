import type { Secret } from '../core/secret.js';

/** More than a notification or a line of the log has room for says nothing. */
const limitCharacters = 500;

/**
 * The words of a server, which are logged and shown: without anything that we sent to it in confidence, and no longer
 * than anybody would read.
 * @param sent - what has been sent; missing ones are passed over
 */
export function redacted(text: string, sent: readonly (Secret | undefined)[] = []): string {
  const words = sent
    .map((secret) => secret?.reveal() ?? '')
    .filter((value) => value !== '')
    .reduce((rest, value) => rest.replaceAll(value, '[redacted]'), text);
  return words.length > limitCharacters ? `${words.slice(0, limitCharacters)}…` : words;
}

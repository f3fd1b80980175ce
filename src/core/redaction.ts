import { formEncoded, unescaped } from './escapes.js';
import type { Secret } from './secret.js';

/** More than a notification or a line of the log has room for says nothing. */
const limitCharacters = 500;

const hidden = '[redacted]';

/**
 * The words of a server, which are logged and shown: without anything that we sent to it in confidence, and no longer
 * than anybody would read. It is found as it is and as a form carries it (RFC 6749, Appendix B); where it is there with
 * characters escaped in another way, nothing is left of the words.
 * @param sent - what has been sent
 */
export function redacted(text: string, sent: readonly Secret[] = []): string {
  const values = sent.map((secret) => secret.reveal()).filter((value) => value !== '');
  const words = values
    .flatMap((value) => [value, formEncoded(value), formEncoded(value).replaceAll('+', '%20')])
    .reduce((rest, form) => rest.replaceAll(form, hidden), text);
  const readings = unescaped(words).filter((reading) => reading !== words);
  if (readings.some((reading) => values.some((value) => reading.includes(value)))) return hidden;
  return words.length > limitCharacters ? `${words.slice(0, limitCharacters)}…` : words;
}

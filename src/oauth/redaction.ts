import type { Secret } from '../core/secret.js';

/**
 * The words of a server, which are logged and shown, without anything that we sent to it in confidence.
 * @param sent - what has been sent; missing ones are passed over
 */
export function redacted(text: string, sent: readonly (Secret | undefined)[]): string {
  return sent
    .map((secret) => secret?.reveal() ?? '')
    .filter((value) => value !== '')
    .reduce((rest, value) => rest.replaceAll(value, '[redacted]'), text);
}

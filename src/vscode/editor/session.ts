import type { VSCode } from './api.js';

/** What an editor whose telemetry is off calls every session. */
const namesNone = /^someValue\./;

/**
 * A name for this life of the window: another after each start and reload. The extensions may be restarted under the
 * same one, except in an editor that does not tell its sessions apart.
 */
export function sessionName({ env }: VSCode): string {
  return namesNone.test(env.sessionId) ? crypto.randomUUID() : env.sessionId;
}

import { BrokerError, type ErrorCode } from '../../core/errors.js';
import type { ServerId } from '../../core/server.js';
import type { VSCode } from '../editor/api.js';
import { callFailures } from './call-failures.js';
import { clientFailures } from './client-failures.js';
import { discoveryFailures } from './discovery-failures.js';
import { factsOf, type FailureTexts } from './failure-facts.js';
import type { StoragePlace } from './place-text.js';
import { renewalFailures } from './renewal-failures.js';
import { signInFailures } from './sign-in-failures.js';
import { storageFailures } from './storage-failures.js';

/**
 * A failure in words that say what is wrong and name the next step, for the user and for a model that reads a tool
 * result. Text from a server is quoted.
 * @param nowMs - the present, in milliseconds since the epoch
 * @param place - where this window stores credentials
 */
export function failureText(
  l10n: VSCode['l10n'],
  error: unknown,
  server: ServerId,
  nowMs: number,
  place: StoragePlace,
): string {
  if (!(error instanceof BrokerError)) {
    return l10n.t(
      'MCP Credential Broker failed unexpectedly. Run “MCP Credentials: Show Log” for the details.',
    );
  }
  const facts = factsOf(l10n, error, server, nowMs, place);
  const texts: FailureTexts<ErrorCode> = {
    ...renewalFailures(facts),
    ...discoveryFailures(facts),
    ...clientFailures(facts),
    ...signInFailures(facts),
    ...callFailures(facts),
    ...storageFailures(facts),
  };
  return texts[error.code]();
}

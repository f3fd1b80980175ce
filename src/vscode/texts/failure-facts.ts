import type { BrokerError } from '../../core/errors.js';
import type { ServerId } from '../../core/server.js';
import type { VSCode } from '../editor/api.js';
import type { StoragePlace } from './place-text.js';
import { durationText, renewFileText } from './state-texts.js';

/** A text for each of some codes; one without a text does not compile. */
export type FailureTexts<Code extends string> = Readonly<Record<Code, () => string>>;

/** What the text of a failure is made from: what the error carries, and the next steps that many of them end with. */
export interface FailureFacts {
  readonly l10n: VSCode['l10n'];
  readonly server: ServerId;
  /** Where this window stores credentials. */
  readonly place: StoragePlace;
  readonly has: (detail: string) => boolean;
  /** @returns empty when the error does not carry it */
  readonly detail: (name: string) => string;
  readonly account: string;
  /** Whether the credentials are another program's, which keeps them in a file. */
  readonly isFromFile: boolean;
  readonly signIn: string;
  /** For credentials in a file: no sign-in here makes them good. */
  readonly renewFile: string;
  /** When it is tried again, as a sentence; undefined when it is not tried again by itself. */
  readonly nextAttempt: string | undefined;
  /** How long it is until then, as a span of time. */
  readonly untilNextAttempt: string;
}

/** @param nowMs - the present, on the clock that the error's instants are of */
export function factsOf(
  l10n: VSCode['l10n'],
  { details }: BrokerError,
  server: ServerId,
  nowMs: number,
  place: StoragePlace,
): FailureFacts {
  const has = (name: string) => details[name] !== undefined;
  const detail = (name: string) => String(details[name] ?? '');
  const signIn = l10n.t(
    'Run “MCP Credentials: Sign In” from the Command Palette and choose “{0}”, then try again.',
    server,
  );
  const untilNextAttempt = durationText(l10n, Number(details['nextAttemptAtMs'] ?? nowMs) - nowMs);
  return {
    l10n,
    server,
    place,
    has,
    detail,
    account: detail('account'),
    isFromFile: detail('source') === 'file',
    signIn,
    renewFile: `${renewFileText(l10n)} ${signIn}`,
    nextAttempt: has('nextAttemptAtMs')
      ? l10n.t(
          'The sign-in is kept; next attempt in {0}. To try at once, run “MCP Credentials: Refresh Now”.',
          untilNextAttempt,
        )
      : undefined,
    untilNextAttempt,
  };
}

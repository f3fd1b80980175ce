import type { IncomingMessage } from 'node:http';
import { BrokerError } from '../../core/errors.js';
import type { Clock } from '../../core/ports.js';
import type { LentToken } from '../../core/token-source.js';
import { isRpcResponse } from '../messages/answer.js';
import type { Body } from '../http/body.js';
import { discard, giveUp } from '../http/discard.js';
import { AnsweredInError } from './failure-reply.js';
import { quoted, quotedReason, readShort } from '../http/refusal.js';
import { isEventStream } from '../http/reply.js';

/** A JSON-RPC error may come with data of its own. */
const errorLimitBytes = 1_048_576;

/** What the caller of a request can still be told. */
export interface Caller {
  /** Whether a stream has begun, into which only a document or events can go. */
  readonly hasBegun: boolean;
  /** Whether it is for a stream on which the server speaks first. */
  readonly isBackChannel: boolean;
}

/**
 * @param lent - what the server was asked with
 * @param body - of the request
 * @throws BrokerError for an answer that the caller must not or cannot get: `token_rejected`, `access_forbidden`,
 *   `redirect_refused`, `server_failed`; AnsweredInError
 */
export async function requirePassable(
  answer: IncomingMessage,
  { account, token }: LentToken,
  body: Body,
  { hasBegun, isBackChannel }: Caller,
  clock: Clock,
): Promise<void> {
  const { statusCode: status = 502 } = answer;
  const details = { account: account.label };
  if (status === 401) {
    giveUp(answer, body, clock);
    throw new BrokerError('token_rejected', 'The server refuses a new token.', { details });
  }
  if (status === 403) {
    const reason = quotedReason(answer, await readShort(answer, clock), token.reveal());
    throw new BrokerError('access_forbidden', 'The server forbids the request.', {
      details: { ...details, ...(reason !== undefined && { reason }) },
    });
  }
  if (status >= 300 && status < 400 && status !== 304) {
    giveUp(answer, body, clock);
    const location = quoted(answer.headers.location ?? '', token.reveal());
    throw new BrokerError('redirect_refused', 'The server redirects.', {
      details: { location: location ?? '"…"' },
    });
  }
  requireUnbroken(answer);
  if (!hasBegun) return;
  if (isContent(answer) && isPlain(answer)) return;
  if (isBackChannel) {
    // The client asks again at once, and then hears the status itself.
    giveUp(answer, body, clock);
    throw new BrokerError('server_failed', 'There is no stream.', { details: { status } });
  }
  if (status === 200 && isContent(answer)) {
    discard(answer, clock);
    throw new BrokerError('server_failed', 'The answer is packed, which it was not asked to be.', {
      details: { status },
    });
  }
  const said = await readShort(answer, clock, errorLimitBytes);
  if (isRpcResponse(said)) throw new AnsweredInError(said);
  throw new BrokerError('server_failed', `The server answers with ${status}.`, { details: { status } });
}

/** @throws BrokerError `server_failed` for an answer that broke off while something else was waited for */
export function requireUnbroken({ destroyed, complete, statusCode: status = 502 }: IncomingMessage): void {
  if (destroyed && !complete)
    throw new BrokerError('server_failed', 'The answer broke off.', { details: { status } });
}

const isContent = (answer: IncomingMessage): boolean =>
  answer.statusCode === 200 &&
  (isEventStream(answer) ||
    answer.headers['content-type']?.toLowerCase().startsWith('application/json') === true);

const isPlain = ({ headers }: IncomingMessage): boolean =>
  (headers['content-encoding'] ?? 'identity').toLowerCase() === 'identity';

import { BrokerError, describeError, hasCode } from '../../core/errors.js';
import type { Clock, Log } from '../../core/ports.js';
import type { ServerId } from '../../core/server.js';
import { withinLimit } from '../../core/waiting.js';
import { failureAnswer } from '../messages/answer.js';
import type { Body } from '../http/body.js';
import type { LegacyEndpoint } from '../legacy/legacy-sse.js';
import { beginsAsAnswer, findId } from '../messages/message.js';
import type { Reply } from '../http/reply.js';

/** How long the rest of a large request is waited for, to find its id. */
const edgesPatienceMs = 5_000;

export interface FailureParts {
  readonly clock: Clock;
  readonly log: Log;
  /** The words in which a failure reaches the model and the user. */
  readonly explain: (error: unknown, server: ServerId) => string;
}

/** A request that ended here. */
interface Failed {
  readonly server: ServerId;
  readonly method: string;
  /** Whether it is for a stream on which the server speaks first. */
  readonly isBackChannel: boolean;
  /** Whether it is the first word of a client, which is told why there is no stream. */
  readonly isLooking: boolean;
  /** Undefined when it could not be read. */
  readonly body: Body | undefined;
  /** The older transport's way in, where it came by that: the answer is expected on the stream. */
  readonly legacy: LegacyEndpoint | undefined;
}

/** A response to the call that came with a status of its own, which there is no place for any more. */
export class AnsweredInError extends Error {
  constructor(readonly body: string) {
    super('The answer is in the error.');
  }
}

/** Gives `error` as the answer, in the form that fits the request and what was said to it already. */
export async function replyWithFailure(
  reply: Reply,
  { server, method, isBackChannel, isLooking, body, legacy }: Failed,
  error: unknown,
  { clock, log, explain }: FailureParts,
): Promise<void> {
  if (error instanceof AnsweredInError) {
    reply.say({ status: 200, body: error.body });
    return;
  }
  const text = `A request to ${JSON.stringify(server)} ends here: ${describeError(error)}`;
  // The editor ends a session after a sign-out, when there is no token to end it with; that is no trouble.
  if (method === 'DELETE' || isBackChannel) log.debug(text);
  else log.warn(text);
  if (reply.isGiven) {
    reply.breakOff();
    return;
  }
  if (isBackChannel && reply.hasBegun) {
    reply.say({ status: 200 });
    return;
  }
  if (hasCode(error, 'session_account_changed', 'session_lost') && !reply.hasBegun) {
    // MCP, "Session Management": a client that gets 404 for its session opens a new one.
    reply.say({ status: 404 });
    return;
  }
  const code = error instanceof BrokerError ? error.code : 'internal';
  if (isLooking) {
    reply.say({ ...failureAnswer('POST', undefined, explain(error, server), code), status: 405 });
    return;
  }
  const edges = body === undefined || body.whole !== undefined ? undefined : await edgesOf(body, clock);
  if (edges !== undefined && beginsAsAnswer(edges.head)) {
    // As for a small one: nobody may take it for delivered, or an error under its id for one of its own.
    reply.say({ status: 503 });
    return;
  }
  const id = edges && findId(edges.head, edges.tail);
  const answer = failureAnswer(method, body?.whole, explain(error, server), code, id);
  if (legacy !== undefined && answer.body !== undefined) {
    legacy.say(answer.body);
    reply.say({ status: 202 });
  } else reply.say(answer);
}

/** Both ends of a message that went past; not waited for long, since what is left of it may be endless. */
async function edgesOf(
  body: Body,
  clock: Clock,
): Promise<{ readonly head: Buffer; readonly tail: Buffer } | undefined> {
  const late = new Error('The rest of the request is slow.');
  try {
    return await withinLimit(clock, edgesPatienceMs, late, () => body.edges());
  } catch (error) {
    if (error !== late) throw error;
    return undefined;
  }
}

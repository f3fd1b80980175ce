import { BrokerError } from '../../core/errors.js';
import type { ServerId } from '../../core/server.js';
import type { Body } from '../http/body.js';
import { recordOf } from '../messages/inquiry.js';
import { beginsAsAnswer, findId, isRequest, parseMessages, type Message } from '../messages/message.js';
import { plain } from '../messages/written-number.js';

/** Whatever is larger says something else; the rest is searched while other calls are under way. */
const cancellationLimitBytes = 4_096;

const mark = Buffer.from('cancelled');
const nothing = Buffer.alloc(0);

/** What a client said, and as part of what. */
export interface Said {
  readonly server: ServerId;
  /** As the client calls it. */
  readonly session: string | undefined;
  /** The client, by its `User-Agent`: without a session, nothing else tells one from another. */
  readonly client: string | undefined;
  readonly body: Pick<Body, 'whole' | 'head'>;
}

/**
 * The calls of a window that are under way. Those that have not been sent yet wait for a token, the user or another call.
 * A client that does not want one any more says so in a message of its own, which must not go past the call that waits,
 * and leave it to be made after all; nor may one be made once more that was taken back while the server looked at it.
 * @see MCP, "Cancellation"
 */
export class WaitingCalls {
  readonly #calls = new Map<ServerId, Set<WaitingCall>>();

  /**
   * Ends the waits of the calls that `said` cancels. Nearly everything says something else, which is told without reading it.
   * @returns whether it says nothing else, so that the server, which has not heard of them, need not hear of it
   */
  cancels({ server, session, client, body }: Said): boolean {
    const calls = this.#calls.get(server);
    const { whole } = body;
    if (calls === undefined || whole === undefined || whole.length > cancellationLimitBytes) return false;
    if (!whole.includes(mark)) return false;
    const messages = [parseMessages(whole) ?? []].flat() as readonly Message[];
    // Without a session, calls of the same id by clients with one `User-Agent` all end; they can be made again.
    const named = messages.map(({ method, params }) =>
      method === 'notifications/cancelled'
        ? [...calls].filter((call) => call.cancel(session, client, recordOf(params)['requestId']))
        : [],
    );
    // What is left of a batch is sent with all of it.
    const isDone = (of: readonly WaitingCall[]) =>
      of.length > 0 && of.every(({ isCancelled, hasLeft }) => isCancelled && !hasLeft);
    return named.length > 0 && named.every(isDone);
  }

  add(call: WaitingCall): void {
    const { server } = call.said;
    this.#calls.set(server, (this.#calls.get(server) ?? new Set()).add(call));
  }

  delete(call: WaitingCall): void {
    const { server } = call.said;
    const calls = this.#calls.get(server);
    calls?.delete(call);
    if (calls?.size === 0) this.#calls.delete(server);
  }
}

/** A call of a client, which the client can take back while it waits. */
export class WaitingCall {
  #hasLeft = false;
  #isCancelled = false;
  #cancelled: AbortController | undefined;
  /** The ids of its requests that are still wanted, of which there are several in a batch; read when one is asked for. */
  #wanted: Set<unknown> | undefined;

  constructor(
    readonly said: Said,
    private readonly calls: WaitingCalls,
  ) {
    calls.add(this);
  }

  /**
   * Lets it be taken back again, which may have left before.
   * @returns is aborted with `call_cancelled` when it is
   * @throws BrokerError `call_cancelled` when it has been
   */
  wait(): AbortSignal {
    if (this.#isCancelled) throw cancelled();
    this.#hasLeft = false;
    this.#cancelled ??= new AbortController();
    return this.#cancelled.signal;
  }

  /** Whether the server has been asked, and is not to be asked once more. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** Whether it is itself what ends the wait of others. */
  cancelsOthers(): boolean {
    return this.calls.cancels(this.said);
  }

  /** It is over. */
  end(): void {
    this.calls.delete(this);
  }

  /** @throws BrokerError `call_cancelled` when it must not be sent any more */
  leave(): void {
    if (this.#isCancelled) throw cancelled();
    this.#hasLeft = true;
  }

  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  /** @returns whether the request `id` of `session` is of it; it is cancelled when that was the last that is wanted */
  cancel(session: string | undefined, client: string | undefined, id: unknown): boolean {
    const { said } = this;
    if (session !== said.session || (session === undefined && client !== said.client)) return false;
    this.#wanted ??= new Set(requestIdsIn(this.said.body));
    if (!this.#wanted.delete(id)) return false;
    this.#isCancelled = this.#wanted.size === 0;
    if (this.#isCancelled) this.#cancelled?.abort(cancelled());
    return true;
  }
}

const cancelled = (): BrokerError => new BrokerError('call_cancelled', 'The client has cancelled the call.');

function requestIdsIn({ whole, head }: Said['body']): readonly unknown[] {
  // An answer is named as the server's request is, and is none.
  if (whole === undefined)
    return head === undefined || beginsAsAnswer(head) ? [] : [plain(findId(head, nothing)) ?? []].flat();
  const messages = [parseMessages(whole) ?? []].flat() as readonly Message[];
  return messages.filter(isRequest).map(({ id }) => plain(id));
}

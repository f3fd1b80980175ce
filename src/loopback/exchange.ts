import type { IncomingMessage, ServerResponse } from 'node:http';
import { BrokerError, canUserHelp, describeError, hasCode } from '../core/errors.js';
import type { Server } from '../core/server.js';
import type { LentToken } from '../core/token-source.js';
import { pause } from '../core/waiting.js';
import { Asking, type Answered, type AskingParts, type Call } from './calls/asking.js';
import type { BeforeSignIn } from './sessions/before-sign-in.js';
import { readBody, type Body } from './http/body.js';
import { replyWithFailure, type FailureParts } from './calls/failure-reply.js';
import { forwardedRequestHeaders, single, withoutHeader } from './http/headers.js';
import { hidingFilter, shown } from './rules/hidden.js';
import { mayInquire, readInquiry, recordOf, type Inquiry } from './messages/inquiry.js';
import { legacyStream, type LegacyParts } from './legacy/legacy-opening.js';
import type { LegacyEndpoint } from './legacy/legacy-sse.js';
import {
  acknowledgment,
  listChanges,
  listeningIn,
  listenMethod,
  type Listening,
} from './sessions/listening.js';
import { CallerSession, sessionIdIn, type CallerSessionParts } from './sessions/caller-session.js';
import { WaitingCall, type WaitingCalls } from './calls/waiting-calls.js';
import type { Memory } from './sessions/memory.js';
import { requirePassable } from './calls/passable.js';
import { Reply } from './http/reply.js';
import { conditionsOf } from './rules/rule-pass.js';
import { takesTrailers, teHeaders } from './http/trailers.js';

/** A server that is restarted is back within seconds; one that stays away is asked now and then. */
const firstRetryMs = 1_000;
const longestRetryMs = 30_000;

export interface ExchangeParts extends AskingParts, FailureParts, LegacyParts, CallerSessionParts {
  readonly tokens: AskingParts['tokens'];
  readonly memory: Memory;
  readonly beforeSignIn: BeforeSignIn;
  readonly waiting: WaitingCalls;
}

/** Where a request has come in. */
export interface Entrance {
  readonly server: Server;
  /** The path at which the server is offered. */
  readonly path: string;
  /** The older transport's way in, where it is that. */
  readonly legacy?: LegacyEndpoint | undefined;
}

/** One request of an admitted caller, and its answer: a list of passes, whose order is that of `run`. */
export class Exchange {
  private readonly server: Server;
  readonly #reply: Reply;
  readonly #gone: AbortSignal;
  readonly #method: string;
  readonly #session: CallerSession;
  /** Whether the server speaks first in it; a client that is refused it once does without it from then on. */
  #isBackChannel: boolean;
  /** By which the caller can take it back; undefined before it is read. */
  #own: WaitingCall | undefined;
  /** Whether it is the first word of a client to a server that was never reached. */
  #isLooking = false;

  constructor(
    private readonly parts: ExchangeParts,
    private readonly entrance: Entrance,
    private readonly request: IncomingMessage,
    response: ServerResponse,
  ) {
    const { server, legacy } = entrance;
    this.server = server;
    const { clock, log } = parts;
    const { method = '', headers } = request;
    this.#method = method;
    this.#reply = new Reply(response, legacy === undefined ? headers.accept : undefined, clock, log);
    this.#gone = this.#reply.gone;
    this.#isBackChannel = method === 'GET' && this.#reply.acceptsStream;
    const [reply, isBackChannel] = [this.#reply, () => this.#isBackChannel];
    const asking = new Asking(parts, server, legacy ?? server, reply, isBackChannel);
    this.#session = new CallerSession(parts, { server, request, reply, asking, isBackChannel });
  }

  /** Resolves when the answer has begun, or will not come; never rejects. */
  async run(): Promise<void> {
    const { parts, server, request } = this;
    let body: Body | undefined;
    let given: IncomingMessage | undefined;
    try {
      body = await readBody(request, parts.replayLimitBytes());
      const listening = this.#reply.acceptsStream ? this.#listening(body) : undefined;
      this.#isBackChannel ||= listening !== undefined;
      const session = this.entrance.legacy?.session ?? sessionIdIn(request);
      const client = request.headers['user-agent'];
      const said = { server: server.id, session, client, body };
      // Before anything that a cancellation could wait for behind the call.
      const isCancellation = parts.waiting.cancels(said);
      // Without a session it may be meant for another call of the same id, which only the server knows; it waits for
      // nobody.
      if (isCancellation && session !== undefined) {
        this.#reply.say({ status: 202 });
        return;
      }
      const conditions = conditionsOf(server, request.headers, body.whole, parts.audit);
      const own = (this.#own = new WaitingCall(said, parts.waiting));
      // As for `initialize`, since the older transport begins with a stream. What others begin with has reached the server
      // by then, whether or not they name their version with this as they should.
      const isVersioned = request.headers['mcp-protocol-version'] !== undefined;
      this.#isLooking = this.#mayBeLegacy(session) && !isVersioned && !parts.tokens.wasReached(server.id);
      const call: Call = {
        method: this.#method,
        headers: this.#headers(session),
        session,
        body,
        conditions,
        own,
        isImpatient: this.#isLooking || isCancellation,
      };
      this.#session.enter(session);
      const inquiry = body.whole && mayInquire(body.whole) ? readInquiry(body.whole) : undefined;
      const { local } = this.#session;
      const isNew = inquiry !== undefined || local !== undefined;
      const remembered = isNew && (await parts.beforeSignIn.answer(server, call, inquiry, local));
      if (remembered) {
        const { body: said } = remembered;
        const less = conditions && said && shown(said, conditions.rules);
        this.#reply.say(less === undefined ? remembered : { ...remembered, body: less });
        return;
      }
      const told = listening && (await parts.beforeSignIn.told(server));
      // A client that has begun waits for this before it does anything else; what the server says of it comes later.
      if (told) this.#reply.announce([acknowledgment(listening)]);
      const { answer, lent } = await (this.#isBackChannel
        ? this.#stream(call)
        : this.#session.answered(call));
      this.#session.noteEnd(call, answer);
      const { hasBegun } = this.#reply;
      await requirePassable(
        answer,
        lent,
        body,
        { hasBegun, isBackChannel: this.#isBackChannel },
        parts.clock,
      );
      if (told) this.#reply.announce(listChanges(listening, told));
      // The ids of the older transport's streams are ours.
      if (this.entrance.legacy === undefined) await this.#session.note(call, answer, lent);
      if (inquiry !== undefined) void this.#learn(inquiry, answer, lent);
      given = answer;
      this.#reply.handOn(answer, {
        session: this.#session.name,
        withTrailers: takesTrailers(request.headers),
        through: [
          this.#mayBeLegacy(session)
            ? legacyStream(server, this.entrance.path, answer, lent, parts)
            : undefined,
          conditions && hidingFilter(conditions, answer.headers),
        ].filter((stage) => stage !== undefined),
      });
    } catch (error) {
      // Nobody reads it, such as one with a status that there is not.
      given?.destroy();
      if (this.#gone.aborted) return;
      await this.#fail(body, error);
    } finally {
      this.#own?.end();
    }
  }

  /** Ends what the caller hears of the server; what only waits goes on, unless that is to end as well. */
  cut(what?: 'with what waits'): void {
    const isOver =
      this.#reply.isHandedOn ||
      // The server has been asked with a token that the caller is to hear nothing with any more.
      (this.#isBackChannel && this.#own?.hasLeft === true) ||
      (what !== undefined && this.#reply.hasBegun);
    if (isOver) this.#reply.breakOff();
  }

  /** Answers with `error`, in the form that fits the request. Never rejects. */
  async refuse(error: BrokerError): Promise<void> {
    try {
      await this.#fail(await readBody(this.request, this.parts.replayLimitBytes()), error);
    } catch (failure) {
      this.parts.log.debug(`A refused request ended: ${describeError(failure)}`);
    }
  }

  /** What the request wants to hear, if it is for a stream; its header alone says nothing, since it is the body that the server does. */
  #listening({ whole }: Body): Listening | undefined {
    if (this.request.headers['mcp-method'] !== listenMethod || whole === undefined) return undefined;
    return listeningIn(whole);
  }

  /** The headers that the server gets, with the version that the session speaks if the client leaves it out. */
  #headers(session: string | undefined): string[] {
    const { rawHeaders, headers } = this.request;
    const all = forwardedRequestHeaders(rawHeaders);
    if (takesTrailers(headers)) all.push(...teHeaders);
    // What may turn out to be of the older transport is read on its way.
    const forwarded = this.#mayBeLegacy(session) ? withoutHeader(all, 'accept-encoding') : all;
    if (session === undefined || headers['mcp-protocol-version'] !== undefined) return forwarded;
    const version = this.parts.versions.of(this.server.id, session);
    return version === undefined ? forwarded : [...forwarded, 'mcp-protocol-version', version];
  }

  async #learn(inquiry: Inquiry, answer: IncomingMessage, lent: LentToken): Promise<void> {
    const { memory, versions } = this.parts;
    const { name } = this.#session;
    const session = name === undefined ? single(answer.headers['mcp-session-id']) : name;
    const result = await memory.listen(this.server, inquiry, answer, lent);
    const { protocolVersion } = recordOf(result);
    if (inquiry.method === 'initialize' && typeof session === 'string' && typeof protocolVersion === 'string')
      versions.learn(this.server.id, session, protocolVersion);
  }

  /** Clients of the older transport have no session, and take whatever they are answered for a stream. */
  #mayBeLegacy(session: string | undefined): boolean {
    return this.#method === 'GET' && session === undefined;
  }

  /** The server's stream as soon as it can be had; the client's own is held open until then. */
  async #stream(call: Call): Promise<Answered> {
    for (let delayMs = firstRetryMs; ; delayMs = Math.min(2 * delayMs, longestRetryMs)) {
      try {
        return await this.#session.answered(call);
      } catch (error) {
        if (this.#gone.aborted || call.isImpatient === true || !isPassing(error)) throw error;
        this.parts.log.debug(`A stream of ${JSON.stringify(this.server.id)} waits: ${describeError(error)}`);
        this.#reply.keepAlive();
        call.own?.wait();
        await pause(this.parts.clock, delayMs, this.#gone);
      }
    }
  }

  async #fail(body: Body | undefined, error: unknown): Promise<void> {
    this.#session.noteFailure(error);
    const { server, legacy } = this.entrance;
    const failed = {
      server: server.id,
      method: this.#method,
      isBackChannel: this.#isBackChannel,
      isLooking: this.#isLooking,
      body,
      legacy,
    };
    await replyWithFailure(this.#reply, failed, error, this.parts);
  }
}

/** Whether a stream may wait for what stands against it now. */
const isPassing = (error: unknown): boolean =>
  canUserHelp(error) ||
  (error instanceof BrokerError && error.details['nextAttemptAtMs'] !== undefined) ||
  hasCode(
    error,
    'scope_required',
    'server_unreachable',
    'issuer_unreachable',
    'network_down',
    'tls_untrusted',
    'refresh_queue_full',
    'renewed_elsewhere',
    'renewing_elsewhere',
    'too_many_attempts',
  );

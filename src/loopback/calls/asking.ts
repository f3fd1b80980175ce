import type { IncomingMessage } from 'node:http';
import { sameAccount } from '../../core/account.js';
import type { Audit } from '../../core/audit.js';
import { BrokerError, canUserHelp, hasCode } from '../../core/errors.js';
import type { Clock } from '../../core/ports.js';
import { quotaProjectHeader, quotaProjectOf } from '../../core/quota-project.js';
import { outOfReach, reaches } from '../../core/reach.js';
import type { AskAboutCall } from '../../core/rule.js';
import type { Server } from '../../core/server.js';
import type { LentToken, TokenSource } from '../../core/token-source.js';
import { withinLimit } from '../../core/waiting.js';
import { mayBeTold } from '../http/beside-stream.js';
import type { Body } from '../http/body.js';
import { discard, giveUp } from '../http/discard.js';
import { hasHeader, withHeader } from '../http/headers.js';
import { hidesAnything } from '../rules/hidden.js';
import type { Hold } from './hold.js';
import { sendLent } from './lent-request.js';
import { isRequest, parseMessages, type Message } from '../messages/message.js';
import { Place } from './place.js';
import type { WaitingCall } from './waiting-calls.js';
import { quotedReason, readShort } from '../http/refusal.js';
import type { Reply } from '../http/reply.js';
import { permit, type Conditions } from '../rules/rule-pass.js';
import type { Upstream } from '../http/upstream.js';

/** A server that sends further on than this is lost itself. */
const hopLimit = 3;

export interface AskingParts {
  readonly tokens: TokenSource;
  readonly clock: Clock;
  readonly audit: Audit;
  /** How much of a request is kept so that it can be sent again with a newer token. */
  readonly replayLimitBytes: () => number;
  /** For rules that want the user to be asked about a call. */
  readonly ask: AskAboutCall;
  readonly upstream: Upstream;
  /** The calls of this window that wait for the user. */
  readonly hold: Hold;
  /** Likewise its streams, which are no calls and take no place of theirs. */
  readonly heldStreams: Hold;
}

/** One request as it goes to a server. */
export interface Call {
  readonly method: string;
  readonly headers: readonly string[];
  /** The MCP session of the server that it belongs to. */
  readonly session: string | undefined;
  readonly body: Body;
  /** What the rules want of it; missing when there are none, and for what we ask by ourselves. */
  readonly conditions?: Conditions | undefined;
  /** By which the client can take it back; missing for what we ask by ourselves. */
  readonly own?: WaitingCall;
  /** Whether it fails at once where it would wait for the user. */
  readonly isImpatient?: boolean;
  /** How long the server may take to begin its answer; missing for what the caller can end by itself. */
  readonly limitMs?: number;
}

/** What the server says, and the token that it took. */
export interface Answered {
  readonly answer: IncomingMessage;
  readonly lent: LentToken;
}

/** Asks a server for one caller, with the token that the server wants; waits for the user when only the user can help. */
export class Asking {
  constructor(
    private readonly parts: AskingParts,
    private readonly server: Server,
    /** Where the server is asked: its own address, or one that it named. */
    private readonly at: {
      readonly url: string;
      readonly stream?: string;
      readonly isOver?: () => boolean;
    },
    private readonly reply: Reply,
    /** Whether it is for a stream on which the server speaks first: nobody waits for that. */
    private readonly isForStream: () => boolean,
  ) {}

  /**
   * What the server says to `call`, asked again with a newer or a wider token when it wants one.
   * @throws BrokerError as `TokenSource`, `Upstream.send`, `Hold.wait` and `permit`; `call_cancelled`; `resource_mismatch`,
   *   `origin_not_allowed`; `token_rejected`; `session_lost`
   */
  async answered(call: Call): Promise<Answered> {
    let lent = await this.token(call);
    if (call.conditions !== undefined) lent = await this.#permitted(call, lent);
    let answer = await this.#send(call, lent);
    if (answer.statusCode === 401) {
      giveUp(answer, call.body, this.parts.clock);
      call.own?.wait();
      lent = await this.#permittedAgain(call, lent, await this.token(call, lent));
      if (call.body.whole === undefined) throw tooLargeToRepeat(this.parts.replayLimitBytes());
      answer = await this.#send(call, lent);
    }
    if (answer.statusCode === 403 && call.method === 'POST') {
      lent = await this.#permittedAgain(call, lent, await this.#wider(call, lent, answer));
      if (call.body.whole === undefined) throw tooLargeToRepeat(this.parts.replayLimitBytes());
      answer = await this.#send(call, lent);
    }
    return { answer, lent };
  }

  /** A token for `call`, newer than `refused` when given. */
  async token(call: Call, refused?: LentToken): Promise<LentToken> {
    const { tokens } = this.parts;
    const { id } = this.server;
    const { session } = call;
    try {
      return await (refused === undefined
        ? tokens.accessToken(id, session)
        : tokens.newerToken(id, session, refused));
    } catch (error) {
      // An agent that starts may only be looking what is there, of which no noise is made; and nobody is asked so that a
      // session can end: the editor ends those of a server that was signed out.
      const isLooking = firstWordIn(call.body) !== undefined && !tokens.wasReached(id);
      const canWait = call.method !== 'DELETE' && canUserHelp(error) && !isLooking;
      if (!canWait) throw error;
      await this.#held(call, error, (signal) =>
        tokens.signedIn(id, signal, this.isForStream() ? 'quietly' : undefined),
      );
    }
    return tokens.accessToken(id, session);
  }

  /** The token for a call of which the rules say that it may be sent. */
  async #permitted(call: Call, lent: LentToken): Promise<LentToken> {
    const { conditions } = call;
    if (conditions === undefined) return lent;
    return permit(this.server, conditions, lent, {
      ...this.parts,
      token: () => this.token(call),
      wider: (narrow, challenges) => this.#widened(call, narrow, challenges),
      waitForUser: (...wait) => this.#held(call, ...wait),
    });
  }

  /** The token to send in the place of `before`; another account may have taken its turn, about which nobody was asked. */
  #permittedAgain(call: Call, before: LentToken, lent: LentToken): Promise<LentToken> {
    const isSame = sameAccount(before.account, lent.account);
    const conditions = call.conditions && { ...call.conditions, ...(isSame && { asks: [] }) };
    return this.#permitted({ ...call, conditions }, lent);
  }

  /** A token that may do what the server has just found `lent` too narrow for. */
  async #wider(call: Call, lent: LentToken, refusal: IncomingMessage): Promise<LentToken> {
    const { clock } = this.parts;
    const challenges = refusal.headersDistinct['www-authenticate'] ?? [];
    const reason = quotedReason(refusal, await readShort(refusal, clock), lent.token.reveal());
    const isPlain = !challenges.some((challenge) => challenge.includes('insufficient_scope'));
    const forbidden = (cause?: unknown) => {
      const details = { account: lent.account.label, ...(reason !== undefined && { reason }) };
      return new BrokerError('access_forbidden', 'The server forbids the request.', { cause, details });
    };
    // Of what no permission helps against, nobody has to be asked, or to come and ask.
    if (isPlain && call.isImpatient === true) throw forbidden();
    try {
      return await this.#widened(call, lent, challenges);
    } catch (error) {
      const isForbidden =
        hasCode(error, 'access_forbidden') || (isPlain && hasCode(error, 'too_many_waiting'));
      if (!isForbidden) throw error;
      throw forbidden(error);
    }
  }

  #widened(call: Call, lent: LentToken, challenges: readonly string[]): Promise<LentToken> {
    const because = new BrokerError('scope_required', 'The server wants more permissions.', {
      details: { account: lent.account.label },
    });
    return this.#held(call, because, (signal) =>
      this.parts.tokens.widerToken(this.server.id, call.session, lent, challenges, signal),
    );
  }

  /** Waits for what needs the user; the caller hears of us meanwhile, if it takes a stream. */
  async #held<T>(
    { body, isImpatient = false, own }: Call,
    because: BrokerError,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (isImpatient) throw because;
    const cancelled = own?.wait();
    // The call may have begun to wait after its cancellation had come.
    if (own?.cancelsOthers() === true) throw because;
    const { hold, heldStreams } = this.parts;
    const { reply } = this;
    const isKeptAlive = this.isForStream() || (reply.acceptsStream && mayBecomeStream(body));
    if (isKeptAlive) reply.keepAlive();
    const end = cancelled === undefined ? reply.gone : AbortSignal.any([reply.gone, cancelled]);
    if (this.isForStream()) return heldStreams.wait(because, 'endless', end, work);
    return hold.wait(because, isKeptAlive ? 'kept-alive' : 'silent', end, work);
  }

  /** Whether a stream that `lent` is for leads to where the server is asked. */
  #isNamed({ reach }: LentToken): boolean {
    const { url, stream } = this.at;
    return stream !== undefined && mayBeTold(reach, { url, stream });
  }

  /** Sends it where the server is, and where that sends it on to without leaving what the credential is for. */
  async #send(
    { method, headers, body, conditions, limitMs, own }: Call,
    lent: LentToken,
  ): Promise<IncomingMessage> {
    // Its session is forgotten with the stream, and with it whose token it gets.
    if (this.at.isOver?.() === true) throw new BrokerError('session_lost', 'The stream has ended.');
    // The settings may have changed while the call waited; a token for the new address is not for the old one.
    const place = Place.at(this.at.url);
    if (!place.isWithin(lent.reach) && !this.#isNamed(lent))
      throw outOfReach(this.at.url, lent.reach, lent.account);
    const { reply, server } = this;
    const { upstream, clock } = this.parts;
    const all = charged(headers, server, lent);
    let { url } = place;
    // What goes into a stream of ours, or is looked at by us, must be readable.
    const isPlain = reply.mayBegin || (conditions !== undefined && hidesAnything(conditions.rules));
    for (let hops = 0; ; hops++) {
      // From here on what the caller is to hear depends on this token, also while a proof for it is made.
      own?.leave();
      const request = {
        url,
        method,
        headers: isPlain ? withHeader(all, 'accept-encoding', 'identity') : all,
        body,
      };
      const send = (signal: AbortSignal) => sendLent(upstream, { ...request, signal }, lent, clock, own);
      const answer = await (limitMs === undefined
        ? send(reply.gone)
        : withinLimit(clock, limitMs, silent(url, limitMs), send, reply.gone));
      const next = hops < hopLimit ? redirectOf(answer, request) : undefined;
      if (next === undefined || next.origin !== url.origin || !mayGo(lent, next.href)) return answer;
      discard(answer, clock);
      url = next;
    }
  }
}

/** `headers` with the project that is charged; a caller's own word gives way to nothing but the settings. */
function charged(headers: readonly string[], server: Server, lent: LentToken): readonly string[] {
  const project = quotaProjectOf(server, lent);
  if (project === undefined) return headers;
  const isSaid = server.auth.quotaProject === undefined && hasHeader(headers, quotaProjectHeader);
  return isSaid ? headers : withHeader(headers, quotaProjectHeader, project);
}

/** Whether `lent` may be sent to `address`. */
const mayGo = ({ reach }: LentToken, address: string): boolean => reaches(reach, address);

/**
 * Where an answer leads the same request: never one that would become another (RFC 9110 §15.4).
 * @returns undefined when it leads nowhere, or the body has gone
 */
function redirectOf(
  { statusCode = 0, headers: { location } }: IncomingMessage,
  { url, method, body }: { readonly url: URL; readonly method: string; readonly body: Body },
): URL | undefined {
  const keeps = method === 'GET' ? [301, 302, 303, 307, 308] : [307, 308];
  if (!keeps.includes(statusCode) || body.whole === undefined || location === undefined) return undefined;
  if (!URL.canParse(location, url.href)) return undefined;
  const next = new URL(location, url);
  next.hash = '';
  return next.username === '' && next.password === '' ? next : undefined;
}

/**
 * Whether the answer to a call may begin before the server has said anything: only a request is answered by a stream,
 * and `initialize` by a header too, which names the session.
 */
export function mayBecomeStream({ whole }: Body): boolean {
  const message = whole && parseMessages(whole);
  if (message === undefined) return false;
  const messages = [message].flat() as readonly Message[];
  return messages.some(isRequest) && !messages.some(({ method }) => method === 'initialize');
}

/** What `body` asks if it is the first thing that a client says, on either wire. */
export function firstWordIn({ whole }: Body): (typeof firstWords)[number] | undefined {
  // Nearly every body is something else, which need not be read to be told.
  if (whole === undefined || !firstWordEnds.some((end) => whole.includes(end))) return undefined;
  const messages = [parseMessages(whole)].flat() as readonly (Message | undefined)[];
  return firstWords.find((word) => messages.some(({ method } = {}) => method === word));
}

const firstWords = ['initialize', 'server/discover'] as const;
const firstWordEnds = ['initialize"', 'discover"'];

const silent = ({ host }: URL, limitMs: number): BrokerError =>
  new BrokerError('server_unreachable', `No answer from ${host} within ${limitMs} ms.`, {
    details: { host },
  });

const tooLargeToRepeat = (limitBytes: number): BrokerError =>
  new BrokerError('token_rejected', 'The request is too large to be repeated with another token.', {
    details: { limitBytes },
  });

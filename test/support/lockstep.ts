import assert from 'node:assert/strict';
import { Agent, request, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Deed, DeedOf, HeaderLines } from './deed.js';
import { listen, type Listener } from './listener.js';

type Side = 'caller' | 'server';

/** What one side of a conversation has seen of the other. */
export interface Sight {
  readonly call: number;
  readonly side: Side;
  readonly sees: 'request' | 'answer' | 'bytes' | 'end' | 'break';
  readonly method?: string;
  readonly status?: number;
  /** Without those of the connection; of a request by name, since only the order within one name counts (RFC 9110 §5.3). */
  readonly headers?: HeaderPairs;
  /** As Latin-1. */
  readonly bytes?: string;
}

type HeaderPairs = readonly (readonly [name: string, value: string])[];

/** Where a caller reaches the server. */
export interface Target {
  readonly url: string;
  readonly authorization: string;
}

/** What belongs to one connection, and so may differ. Where a body ends is seen anyway. */
const ofConnection = ['host', 'connection', 'keep-alive', 'transfer-encoding', 'content-length', 'trailer'];

/**
 * A server and its callers who do one thing after the other, each only when the other side has seen the one before. So
 * whoever is in between and holds something back stops them, and what they have seen has one order.
 */
export class Lockstep {
  /** How long what nobody holds back may take, also on a computer with much to do. */
  patienceMs = 8_000;
  readonly #agent = new Agent({ keepAlive: true });
  #listener: Listener | undefined;
  #conversation: Conversation | undefined;

  /** The address of the server. */
  get url(): string {
    return `${this.#listener?.origin ?? ''}/mcp`;
  }

  async open(): Promise<void> {
    this.#listener = await listen('127.0.0.1');
    this.#listener.serve((req, res) => this.#conversation?.isAsked(req, res));
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    await this.#listener?.close();
  }

  /**
   * Does all `deeds`, with the callers at `target`.
   * @param options.isEager - whether the server is to get each piece of a request before the next is sent
   * @returns what both sides have seen, in order
   * @throws AssertionError when one of them sees what the other has not done
   */
  async play(
    deeds: readonly Deed[],
    target: Target,
    { isEager = false }: { readonly isEager?: boolean } = {},
  ): Promise<readonly Sight[]> {
    const conversation = new Conversation(target, this.#agent, isEager, this.patienceMs);
    this.#conversation = conversation;
    try {
      for (const deed of deeds) await conversation.do(deed);
      return conversation.sights;
    } finally {
      conversation.end();
    }
  }
}

interface Call {
  readonly outgoing: ClientRequest;
  response?: ServerResponse;
  /** How many bytes each side has sent the other. */
  readonly sent: Record<Side, number>;
  /** How many bytes each side has got of the other. */
  readonly got: Record<Side, number>;
  /** Who has ended it before its end. */
  brokenBy?: Side;
  readonly seen: Set<`${Side} ${Sight['sees']}`>;
}

class Conversation {
  readonly sights: Sight[] = [];
  readonly #calls = new Map<number, Call>();
  #asking: number | undefined;
  #wake: () => void = () => undefined;

  constructor(
    private readonly target: Target,
    private readonly agent: Agent,
    private readonly isEager: boolean,
    private readonly patienceMs: number,
  ) {}

  async do(deed: Deed): Promise<void> {
    if (deed.does === 'ask') return this.#ask(deed);
    const call = this.#calls.get(deed.call) ?? assert.fail('Nobody has asked.');
    const { response = assert.fail('The server was not asked.'), seen, outgoing } = call;
    switch (deed.does) {
      case 'answer':
        response.writeHead(deed.status, without(ofAnswerConnection, pairs(deed.headers)).flat());
        // Without their bytes the headers of another answer are of no use to anybody, and may wait for the first.
        if (!isStream(deed)) return;
        response.flushHeaders();
        return this.#until(call, deed, () => seen.has('caller answer'));
      case 'say':
        if (deed.piece.length === 0) return;
        response.write(deed.piece);
        call.sent.server += deed.piece.length;
        return this.#until(call, deed, () => call.got.caller === call.sent.server);
      case 'end':
        response.end();
        return this.#until(call, deed, () => seen.has('caller end'));
      case 'break off':
        call.brokenBy = 'server';
        response.destroy();
        return this.#until(call, deed, () => seen.has('caller break'));
      case 'hang up':
        call.brokenBy = 'caller';
        outgoing.destroy();
        return this.#until(call, deed, () => seen.has('server break'));
    }
  }

  isAsked(req: IncomingMessage, res: ServerResponse): void {
    const number = this.#asking ?? 0;
    const call = this.#calls.get(number);
    this.#asking = undefined;
    const see = (sight: Seen) => this.#see({ call: number, side: 'server', ...sight });
    const { method = '', rawHeaders } = req;
    see({ sees: 'request', method, headers: byName(without(ofConnection, pairs(rawHeaders))) });
    // Nobody of us has asked that.
    if (call === undefined) {
      res.destroy();
      return;
    }
    call.response = res;
    req.on('data', (bytes: Buffer) => see({ sees: 'bytes', bytes: bytes.toString('latin1') }));
    req.on('end', () => see({ sees: 'end' }));
    res.on('close', () => {
      if (!res.writableEnded && call.brokenBy !== 'server') see({ sees: 'break' });
    });
  }

  /** Hangs up for whoever still waits. */
  end(): void {
    for (const call of this.#calls.values()) {
      call.brokenBy ??= 'caller';
      call.outgoing.destroy();
    }
  }

  async #ask(deed: DeedOf<'ask'>): Promise<void> {
    const { call: number, method, pieces } = deed;
    const { url, authorization } = this.target;
    const own = without(['host', 'authorization'], pairs(deed.headers));
    const unsized = without(['content-length'], own);
    const length =
      unsized.length < own.length ? ['content-length', String(Buffer.concat(pieces).length)] : [];
    const headers = ['host', new URL(url).host, 'authorization', authorization, ...unsized.flat(), ...length];
    const outgoing = request(url, { method, headers, agent: this.agent });
    const call: Call = {
      outgoing,
      sent: { caller: 0, server: 0 },
      got: { caller: 0, server: 0 },
      seen: new Set(),
    };
    this.#calls.set(number, call);
    this.#asking = number;
    const see = (sight: Seen) => this.#see({ call: number, side: 'caller', ...sight });
    const onError = () => {
      if (call.brokenBy !== 'caller') see({ sees: 'break' });
    };
    outgoing.on('error', onError);
    outgoing.on('response', (answer) => {
      const lines = without(ofConnection, pairs(answer.rawHeaders));
      see({ sees: 'answer', status: answer.statusCode ?? 0, headers: lines });
      answer.on('data', (bytes: Buffer) => see({ sees: 'bytes', bytes: bytes.toString('latin1') }));
      answer.on('end', () => see({ sees: 'end' }));
      answer.on('error', onError);
    });
    const hasAll = () => call.got.server === call.sent.caller;
    for (const piece of pieces) {
      outgoing.write(piece);
      call.sent.caller += piece.length;
      if (this.isEager) await this.#until(call, deed, hasAll);
    }
    outgoing.end();
    await this.#until(call, deed, () => hasAll() && call.seen.has('server end'));
  }

  #see(sight: Sight): void {
    const { call, side, sees, bytes } = sight;
    const known = this.#calls.get(call);
    known?.seen.add(`${side} ${sees}`);
    const last = this.sights.at(-1);
    if (known !== undefined && bytes !== undefined) known.got[side] += bytes.length;
    // How bytes are cut into packets is nobody's business.
    if (bytes !== undefined && last?.bytes !== undefined && last.side === side && last.call === call)
      this.sights.splice(-1, 1, { ...last, bytes: last.bytes + bytes });
    else this.sights.push(sight);
    this.#wake();
  }

  /** Waits until what is done has been seen; whoever holds it back keeps us here. */
  async #until(call: Call, { does, call: number }: Deed, isSeen: () => boolean): Promise<void> {
    const waited = { isTooLong: false };
    const alarm = setTimeout(() => {
      waited.isTooLong = true;
      this.#wake();
    }, this.patienceMs);
    while (!isSeen()) {
      const surprise = surprises[does].find((sight) => call.seen.has(sight));
      const isTooMuch = call.got.caller > call.sent.server || call.got.server > call.sent.caller;
      if (surprise !== undefined || isTooMuch || waited.isTooLong) {
        clearTimeout(alarm);
        const instead = surprise ?? (isTooMuch ? 'more than that' : 'nothing');
        assert.fail(
          `Of “${does}” in call ${number} came ${instead}: ${JSON.stringify(this.sights.slice(-4)).slice(0, 2_000)}`,
        );
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    clearTimeout(alarm);
  }
}

type Seen = Omit<Sight, 'call' | 'side'>;

/** What nobody may see while something else is being done. */
const surprises: Readonly<Record<Deed['does'], readonly `${Side} ${Sight['sees']}`[]>> = {
  ask: ['caller answer', 'caller break', 'server break'],
  answer: ['caller break', 'server break'],
  say: ['caller end', 'caller break', 'server break'],
  end: ['caller break', 'server break'],
  'break off': ['caller end', 'server break'],
  'hang up': [],
};

/** Node says by itself what these say. */
const ofAnswerConnection = ['connection', 'keep-alive', 'transfer-encoding'];

/** What has no body is over with its headers (RFC 9110 §6.4.1), whatever these say. */
function isStream({ status, headers }: DeedOf<'answer'>): boolean {
  if (status === 204 || status === 304) return false;
  const [type] = pairs(headers).filter(([name]) => name.toLowerCase() === 'content-type');
  return type?.[1].startsWith('text/event-stream') === true;
}

const pairs = (raw: HeaderLines): HeaderPairs =>
  raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] ?? ''] as const] : []));

const without = (names: readonly string[], lines: HeaderPairs): HeaderPairs =>
  lines.filter(([name]) => !names.includes(name.toLowerCase()));

/** Sorted by name; the order within one name stays. */
export const byName = (lines: HeaderPairs): HeaderPairs =>
  lines
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));

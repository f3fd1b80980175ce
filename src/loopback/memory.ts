import type { IncomingMessage } from 'node:http';
import { sameAccount, type Account } from '../core/account.js';
import { describeError } from '../core/errors.js';
import type { Log } from '../core/ports.js';
import type { Server, ServerId } from '../core/server.js';
import type { SaidBefore, ServerMemory } from '../core/server-memory.js';
import type { LentToken, TokenSource } from '../core/token-source.js';
import { collected, resultIn } from './collected.js';
import { memberOf, recordOf, type Inquiry } from './inquiry.js';

/** A server with more to say than this is one that a start has to wait for. */
const limitBytes = 524_288;

/** No list and no schema goes as deep as this; what does is meant to overflow a stack. */
const depthLimit = 200;

/** Whoever has this much of a token was told it by its owner. */
const tokenStart = 16;

interface Known {
  readonly url: string;
  readonly account: Account;
  /** Settles when what was kept has been read. */
  readonly loaded: Promise<void>;
  said: SaidBefore;
  /** Settles when nothing is being kept. */
  keeping: Promise<void>;
}

/**
 * What the servers of this window said before, read once and kept up to date. What a server says to one account is told
 * nobody else, nor when nobody is signed in.
 */
export class Memory {
  readonly #known = new Map<ServerId, Known>();

  constructor(
    private readonly kept: ServerMemory,
    private readonly tokens: Pick<TokenSource, 'account'>,
    private readonly log: Log,
  ) {}

  /** Whether a session with `server` can begin with what is known. */
  async knows(server: Server): Promise<boolean> {
    const said = await this.#said(server);
    return Object.keys(said).some((name) => /^\["(initialize|server\/discover)"/.test(name));
  }

  /** @returns the result that `server` gave to `inquiry` before; undefined when there was none */
  async answer(server: Server, { name, method, params }: Inquiry): Promise<unknown> {
    const said = await this.#said(server);
    const result = said[name];
    if (result === undefined) {
      const isNextPage = params['cursor'] !== undefined && said[firstPage(name)] !== undefined;
      // The first pages were heard and the others were not.
      return isNextPage ? { [memberOf(method)]: [] } : undefined;
    }
    // Whoever keeps answers is not to keep this one (MCP 2026-07-28, "Caching").
    return 'ttlMs' in recordOf(result) ? { ...recordOf(result), ttlMs: 0 } : result;
  }

  /**
   * Listens to what `server` answers to `inquiry`, and keeps it. Never rejects.
   * @param lent - as for `keep`
   * @returns the result; undefined when there is none
   */
  async listen(server: Server, inquiry: Inquiry, answer: IncomingMessage, lent: LentToken): Promise<unknown> {
    const text = await collected(answer, limitBytes);
    const result = text === undefined ? undefined : resultIn(answer, text, inquiry.id);
    if (result !== undefined) await this.keep(server, inquiry, result, lent);
    return result;
  }

  /**
   * Keeps `result` as what `server` says. Never rejects.
   * @param lent - what the server was asked with: the result is kept for that account, and not with that token in it
   */
  async keep(
    server: Server,
    inquiry: Inquiry,
    result: unknown,
    { token, account }: LentToken,
  ): Promise<void> {
    try {
      if (isDeeper(result, depthLimit)) throw new Error('It is too deep.');
      // In the text of an answer the token could be written with escapes.
      const start = JSON.stringify(token.reveal().slice(0, tokenStart)).slice(1, -1);
      if (JSON.stringify(result).includes(start)) throw new Error('It holds the token.');
      const known = await this.#of(server);
      // Signed out meanwhile, or somebody else is signed in.
      if (known === undefined || !sameAccount(known.account, account)) return;
      await this.#keep(known, server, inquiry, result);
    } catch (error) {
      this.log.debug(`What ${JSON.stringify(server.id)} says is not kept: ${describeError(error)}`);
    }
  }

  /** Deletes what `server` said. Never rejects. */
  async forget({ id, url }: Server): Promise<void> {
    const known = this.#known.get(id);
    this.#known.delete(id);
    await known?.keeping;
    await this.kept.forget(id, url);
  }

  async #keep(
    known: Known,
    server: Server,
    { name, method, params }: Inquiry,
    result: unknown,
  ): Promise<void> {
    if (JSON.stringify(known.said[name]) === JSON.stringify(result)) return;
    const isFirstPage = method.endsWith('/list') && params['cursor'] === undefined;
    // Cursors of an older list lead nowhere.
    const others = Object.entries(known.said).filter(([other]) => !isFirstPage || firstPage(other) !== name);
    const newest = others.filter(([other]) => other !== name);
    const all = () => ({ ...Object.fromEntries(newest), [name]: result });
    // The oldest make room.
    while (sizeOf(all()) > limitBytes) if (newest.shift() === undefined) return;
    const said = all();
    known.said = said;
    // Of several in a row only the last has to be written.
    known.keeping = known.keeping.then(() =>
      known.said === said && this.#known.get(server.id) === known
        ? this.kept.keep(server.id, server.url, known.account, said)
        : undefined,
    );
    await known.keeping;
  }

  async #said(server: Server): Promise<SaidBefore> {
    return (await this.#of(server))?.said ?? {};
  }

  /** @returns undefined when `server` is nobody's */
  async #of({ id, url }: Server): Promise<Known | undefined> {
    const account = this.tokens.account(id);
    if (account === undefined) return undefined;
    let known = this.#known.get(id);
    if (known?.url !== url || !sameAccount(known.account, account)) {
      const fresh: Known = {
        url,
        account,
        said: {},
        keeping: Promise.resolve(),
        loaded: this.kept.recall(id, url, account).then((said) => {
          fresh.said = said;
        }),
      };
      this.#known.set(id, fresh);
      known = fresh;
    }
    await known.loaded;
    return known;
  }
}

/** The name of the first page of the list that `name` is a page of. */
function firstPage(name: string): string {
  const [method, , wire] = JSON.parse(name) as readonly unknown[];
  return JSON.stringify([method, '', wire]);
}

const sizeOf = (said: SaidBefore): number => Buffer.byteLength(JSON.stringify(said));

function isDeeper(value: unknown, limit: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return limit === 0 || Object.values(value).some((one) => isDeeper(one, limit - 1));
}

import type { IncomingMessage } from 'node:http';
import { sameAccount, type Account } from '../../core/account.js';
import { describeError } from '../../core/errors.js';
import type { Log } from '../../core/ports.js';
import type { Server, ServerId } from '../../core/server.js';
import type { SaidBefore, ServerMemory } from '../../core/server-memory.js';
import type { LentToken, TokenSource } from '../../core/token-source.js';
import { collected, resultIn } from './collected.js';
import { memberOf, recordOf, type Inquiry } from '../messages/inquiry.js';
import { parseJson } from '../messages/message.js';

/** A server with more to say than this is one that a start has to wait for. */
const limitBytes = 524_288;

/** No list and no schema goes as deep as this; what does is meant to overflow a stack. */
const depthLimit = 200;

/** Whoever has this much of a token was told it by its owner. */
const tokenStart = 16;

/** What is kept in the place of a result, of a server that does not know the request. */
const unknownMethod = null;

const methodNotFound = { code: -32601, message: 'Method not found' };

/** How a server answered, as the content of a JSON-RPC response. */
type Remembered = { readonly result: unknown } | { readonly error: typeof methodNotFound };

interface Known {
  readonly url: string;
  /** Whom it was said to; undefined for somebody who was signed out before it was read. */
  readonly account: Account | undefined;
  /** Settles when what was kept has been read. */
  readonly loaded: Promise<void>;
  said: SaidBefore;
  /** Settles when nothing is being kept. */
  keeping: Promise<void>;
}

/**
 * What the servers of this window said before, read once and kept up to date. What a server says to one account is told
 * nobody else. While nobody is signed in, it is told for whom there was last what the server is and what it can do, but
 * not what there is of it, such as resources; which is deleted at a sign-out.
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
    return Object.entries(said).some(([name, result]) => isOf(name, beginnings) && result !== unknownMethod);
  }

  /** @returns what `server` answered to `inquiry` before, on the same wire; undefined when there was nothing */
  async answer(server: Server, { name, method, params }: Inquiry): Promise<Remembered | undefined> {
    const said = await this.#said(server);
    const result = said[name];
    if (result === unknownMethod) return { error: methodNotFound };
    if (result !== undefined) return { result: uncached(result) };
    const first = params['cursor'] === undefined ? undefined : said[firstPage(name)];
    if (first === undefined) return undefined;
    // The first pages were heard and the others were not.
    const { nextCursor: _, ...others } = recordOf(uncached(first));
    return { result: { ...others, [memberOf(method)]: [] } };
  }

  /**
   * Listens to what `server` answers to `inquiry`, and keeps it. Never rejects.
   * @param lent - as for `keep`
   * @returns the result; undefined when there is none
   */
  async listen(server: Server, inquiry: Inquiry, answer: IncomingMessage, lent: LentToken): Promise<unknown> {
    const text = await collected(answer, limitBytes, inquiry.id);
    if (text === undefined) return undefined;
    const result = resultIn(answer, text, inquiry.id);
    if (result !== undefined) await this.keep(server, inquiry, result, lent);
    else if (await this.#isUnknown(server, inquiry, answer, text))
      await this.keep(server, inquiry, unknownMethod, lent);
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
      if (isInterim(result)) return;
      if (isDeeper(result, depthLimit)) throw new Error('It is too deep.');
      // In the text of an answer the token could be written with escapes.
      const start = JSON.stringify(token.reveal().slice(0, tokenStart)).slice(1, -1);
      if (JSON.stringify(result).includes(start)) throw new Error('It holds the token.');
      const known = this.#of(server, account);
      await known.loaded;
      // Signed out meanwhile, or somebody else is signed in.
      if (!isSame(this.tokens.account(server.id), account)) return;
      await this.#keep(known, server, inquiry, result, account);
    } catch (error) {
      this.log.debug(`What ${JSON.stringify(server.id)} says is not kept: ${describeError(error)}`);
    }
  }

  /** Deletes what the server `id` said, but for what its next start needs: whose it was is signed out. Never rejects. */
  async signedOut(id: ServerId): Promise<void> {
    const known = this.#known.get(id);
    await known?.loaded;
    if (known !== undefined) known.said = offersIn(known.said);
    await known?.keeping;
    await this.kept.reduce(id, isOffer);
  }

  async #keep(
    known: Known,
    server: Server,
    { name, method, params }: Inquiry,
    result: unknown,
    account: Account,
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
        ? this.kept.keep(server.id, server.url, account, said)
        : undefined,
    );
    await known.keeping;
  }

  /**
   * Whether a server that is asked in the newer way shows that it knows only the older: not by an error that names the
   * versions it speaks, which is the newer way of saying so (MCP 2026-07-28, "Versioning").
   */
  async #isUnknown(
    server: Server,
    { name, method }: Inquiry,
    { statusCode = 0 }: IncomingMessage,
    text: string,
  ): Promise<boolean> {
    if (method !== 'server/discover') return false;
    const { code, data } = recordOf(recordOf(parseJson(text))['error']);
    if (recordOf(data)['supported'] !== undefined) return false;
    if (code === methodNotFound.code) return true;
    // A gateway has such a status too, and is not believed against what the server has said itself.
    return [400, 404, 405].includes(statusCode) && (await this.#said(server))[name] === undefined;
  }

  async #said(server: Server): Promise<SaidBefore> {
    const account = this.tokens.account(server.id);
    const known = this.#of(server, account);
    await known.loaded;
    // Somebody has signed in or out meanwhile, and is told nothing rather than what is another's.
    if (!isSame(this.tokens.account(server.id), account)) return {};
    return account === undefined ? offersIn(known.said) : known.said;
  }

  /** @param account - that is signed in */
  #of({ id, url }: Server, account: Account | undefined): Known {
    const known = this.#known.get(id);
    if (known?.url === url && (account === undefined || isSame(known.account, account))) return known;
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
    return fresh;
  }
}

/**
 * What a client begins with, and what it can do with the server; whatever else there is may be somebody's own. A
 * `cacheScope` of `private` keeps them from other accounts, and the user who has signed out is none.
 */
const beginnings = ['initialize', 'server/discover'];
const offers = [...beginnings, 'tools/list', 'prompts/list'];

const isOf = (name: string, methods: readonly string[]): boolean =>
  methods.some((method) => name.startsWith(`["${method}",`));

const isOffer = (name: string): boolean => isOf(name, offers);

const offersIn = (said: SaidBefore): SaidBefore =>
  Object.fromEntries(Object.entries(said).filter(([name]) => isOffer(name)));

const isSame = (one: Account | undefined, other: Account | undefined): boolean =>
  one === other || (one !== undefined && other !== undefined && sameAccount(one, other));

/** Whoever keeps answers is not to keep this one (MCP 2026-07-28, "Caching"). */
const uncached = (result: unknown): unknown =>
  'ttlMs' in recordOf(result) ? { ...recordOf(result), ttlMs: 0 } : result;

/** One that wants something first, and is not to be kept (MCP 2026-07-28, "Cacheable Results"). */
const isInterim = (result: unknown): boolean => (recordOf(result)['resultType'] ?? 'complete') !== 'complete';

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

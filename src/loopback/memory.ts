import type { IncomingMessage } from 'node:http';
import type { Account } from '../core/account.js';
import type { Server, ServerId } from '../core/server.js';
import type { SaidBefore, ServerMemory } from '../core/server-memory.js';
import type { LentToken } from '../core/token-source.js';
import { inquiryName, isFor, keptName, type Audience } from './audience.js';
import { collected, resultIn } from './collected.js';
import { memberOf, recordOf, type Inquiry } from './inquiry.js';

/** A server with more to say than this is one that a start has to wait for. */
const limitBytes = 524_288;

interface Known {
  readonly url: string;
  /** Settles when what was kept has been read. */
  readonly loaded: Promise<void>;
  said: SaidBefore;
  /** Settles when nothing is being kept. */
  keeping: Promise<void>;
}

/** What the servers of this window said before, read once and kept up to date. */
export class Memory {
  readonly #known = new Map<ServerId, Known>();

  constructor(private readonly kept: ServerMemory) {}

  /** Whether a session with `server` can begin with what is known and is for `audience`. */
  async knows(server: Server, audience: Audience): Promise<boolean> {
    const { said } = await this.#of(server);
    return Object.keys(said).some(
      (name) => /^\["(initialize|server\/discover)"/.test(name) && isFor(name, audience),
    );
  }

  /** @returns the result that `server` gave to `inquiry` before, if it is for `audience`; undefined when there was none */
  async answer(server: Server, { name, method, params }: Inquiry, audience: Audience): Promise<unknown> {
    const { said } = await this.#of(server);
    const find = (wanted: string) =>
      Object.entries(said).find(([kept]) => inquiryName(kept) === wanted && isFor(kept, audience))?.[1];
    const result = find(name);
    if (result === undefined) {
      const isNextPage = params['cursor'] !== undefined && find(firstPage(name)) !== undefined;
      // The first pages were heard and the others were not.
      return isNextPage ? { [memberOf(method)]: [] } : undefined;
    }
    // Whoever keeps answers is not to keep this one (MCP 2026-07-28, "Caching").
    return 'ttlMs' in recordOf(result) ? { ...recordOf(result), ttlMs: 0 } : result;
  }

  /**
   * Listens to what `server` answers to `inquiry`, and keeps it.
   * @param lent - whose account was told, and whose token must not be in what is kept
   * @returns the result; undefined when there is none
   */
  async listen(
    server: Server,
    inquiry: Inquiry,
    answer: IncomingMessage,
    { token, account }: LentToken,
  ): Promise<unknown> {
    const text = await collected(answer, limitBytes);
    const result = text === undefined ? undefined : resultIn(answer, text, inquiry.id);
    if (result !== undefined && text?.includes(token.reveal()) === false)
      await this.keep(server, inquiry, result, account);
    return result;
  }

  /** Keeps `result` as what `server` says to `account`. What is for another one alone is forgotten. */
  async keep(
    server: Server,
    { name, method, params }: Inquiry,
    result: unknown,
    account: Account,
  ): Promise<void> {
    const known = await this.#of(server);
    const kept = keptName(name, result, account);
    const isFirstPage = method.endsWith('/list') && params['cursor'] === undefined;
    const isOutdated = (other: string) =>
      !isFor(other, account) ||
      (other !== kept && inquiryName(other) === name) ||
      // Cursors of an older list lead nowhere.
      (isFirstPage && other !== kept && firstPage(inquiryName(other)) === name);
    const isSame = JSON.stringify(known.said[kept]) === JSON.stringify(result);
    if (isSame && !Object.keys(known.said).some((other) => !isFor(other, account))) return;
    const others = Object.entries(known.said).filter(([other]) => !isOutdated(other));
    const said = { ...Object.fromEntries(others), [kept]: result };
    if (Buffer.byteLength(JSON.stringify(said)) > limitBytes) return;
    known.said = said;
    // Of several in a row only the last has to be written.
    known.keeping = known.keeping.then(() =>
      known.said === said ? this.kept.keep(server.id, server.url, said) : undefined,
    );
    await known.keeping;
  }

  async #of({ id, url }: Server): Promise<Known> {
    let known = this.#known.get(id);
    if (known?.url !== url) {
      const fresh: Known = {
        url,
        said: {},
        keeping: Promise.resolve(),
        loaded: this.kept.recall(id, url).then((said) => {
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

import type { Clock, Fetch } from '../core/ports.js';
import type { Quirk } from '../core/quirk.js';
import {
  discoverAuthorizationServer,
  quirks,
  type AuthorizationServer,
} from '../oauth/authorization-server.js';
import { merged, quirksOf } from '../oauth/quirks.js';

/** Endpoints move rarely, and a refresh should cost one request, not two. */
const keepForMs = 3_600_000;

/** The metadata of each issuer, asked for once an hour at most and once at a time. */
export class Issuers {
  readonly #known = new Map<
    string,
    { readonly server: Promise<AuthorizationServer>; readonly askedAtMs: number }
  >();

  constructor(
    private readonly fetch: Fetch,
    private readonly clock: Clock,
    private readonly closing: AbortSignal,
    /** The exceptions that the user has set. */
    private readonly ownQuirks: () => readonly Quirk[],
    /** Whether the user has typed an issuer; one that a server has named may lead where that one may, and no further. */
    private readonly isTyped: (issuer: string) => boolean,
  ) {}

  /** The exceptions that are made for `issuer`. */
  quirksOf(issuer: string): readonly Quirk[] {
    return quirksOf(issuer, this.ownQuirks());
  }

  /**
   * The metadata of `issuer`, with the exceptions that are made for it now.
   * @param resource - what the tokens of `issuer` are for, which has named it unless the user has
   * @throws BrokerError as `discoverAuthorizationServer`
   */
  async metadata(issuer: string, resource: string): Promise<AuthorizationServer> {
    const server = await this.#document(issuer, resource, this.isTyped(issuer) ? undefined : resource);
    return { ...server, [quirks]: merged(this.quirksOf(server.issuer)) };
  }

  #document(issuer: string, resource: string, namedBy: string | undefined): Promise<AuthorizationServer> {
    // What one server may lead to, another may not.
    const key = JSON.stringify([issuer, namedBy]);
    const known = this.#known.get(key);
    const nowMs = this.clock.nowMs();
    if (known !== undefined && nowMs - known.askedAtMs < keepForMs) return known.server;
    const server = discoverAuthorizationServer(this.fetch, issuer, resource, this.closing, namedBy);
    const entry = { server, askedAtMs: nowMs };
    this.#known.set(key, entry);
    server.catch(() => {
      if (this.#known.get(key) === entry) this.#known.delete(key);
    });
    return server;
  }
}

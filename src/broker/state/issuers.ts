import { isSameIssuer } from '../../core/address.js';
import type { Client } from '../../core/client.js';
import type { Credential } from '../../core/credential.js';
import { BrokerError } from '../../core/errors.js';
import type { IssuerGrant } from '../../core/grant.js';
import type { IssuerDriver } from '../../core/issuer-driver.js';
import type { Clock, Fetch } from '../../core/ports.js';
import type { Quirk } from '../../core/quirk.js';
import { reaches } from '../../core/reach.js';
import {
  discoverAuthorizationServer,
  quirks,
  type AuthorizationServer,
} from '../../oauth/authorization-server.js';
import { merged, quirksOf } from '../../oauth/quirks.js';

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
    /** Whether the user has typed an issuer for a resource; one that a server has named may lead where that one may, and no further. */
    private readonly isTyped: (issuer: string, resource: string) => boolean,
    private readonly drivers: readonly IssuerDriver[] = [],
  ) {}

  /** The exceptions that are made for `issuer`. */
  quirksOf(issuer: string): readonly Quirk[] {
    return quirksOf(
      issuer,
      this.ownQuirks(),
      this.drivers.map(({ quirk }) => quirk),
    );
  }

  /** What knows more about `issuer` than the protocol; undefined for most. */
  driverOf(issuer: string): IssuerDriver | undefined {
    return this.drivers.find(({ quirk }) => isSameIssuer(quirk.issuer, issuer));
  }

  /**
   * The issuer that has `grant`.
   * @throws BrokerError `metadata_missing` when none is known
   */
  issuerOf(grant: IssuerGrant): string {
    const driver = this.drivers.find(({ grantKinds }) => grantKinds.includes(grant.kind));
    if (driver !== undefined) return driver.quirk.issuer;
    throw new BrokerError('metadata_missing', `No issuer is known that has ${JSON.stringify(grant.kind)}.`);
  }

  /**
   * The issuer that registers nobody by itself and signs people in for `address`, as far as that is known beforehand:
   * because the settings name it, or because the address is one of its own.
   */
  clientlessAt(address: string, named: string | undefined): string | undefined {
    const driver =
      named === undefined
        ? this.drivers.find(({ quirk: { noAudience } }) =>
            reaches({ kind: 'origins', patterns: noAudience?.origins ?? [], origins: [] }, address),
          )
        : this.driverOf(named);
    return driver?.quirk.issuer;
  }

  /** What a token by a grant that only `issuer` has is for when nobody says what is needed. */
  usualScopes(issuer: string): readonly string[] {
    return this.driverOf(issuer)?.usualScopes ?? [];
  }

  /** Whether `client` cannot be had again: the user has brought it to an issuer that shows a secret once. */
  isIrreplaceable({ issuer, source }: Client): boolean {
    return source === 'entered' && this.driverOf(issuer) !== undefined;
  }

  /** The origins that take the tokens of `issuer`, when they name no audience; else undefined. */
  audienceless(issuer: string): readonly string[] | undefined {
    return this.driverOf(issuer)?.quirk.noAudience?.origins;
  }

  /** Those of `wanted` that `granted` does not cover, as `issuer` understands them. */
  missingScopes(issuer: string, granted: readonly string[], wanted: readonly string[]): readonly string[] {
    const driver = this.driverOf(issuer);
    return driver === undefined
      ? wanted.filter((scope) => !granted.includes(scope))
      : driver.missingScopes(granted, wanted);
  }

  /** What of `wanted` a credential does not cover, in words. */
  missingTexts({ account: { issuer }, scopes }: Credential, wanted: readonly string[]): readonly string[] {
    return this.scopeTexts(issuer, this.missingScopes(issuer, scopes, wanted));
  }

  /** What scopes of `issuer` allow, in its words; in quotes where those are not known. */
  scopeTexts(issuer: string, scopes: readonly string[]): readonly string[] {
    const driver = this.driverOf(issuer);
    const texts = scopes.map((scope) => driver?.scopeText(scope) ?? JSON.stringify(scope));
    return [...new Set(texts)];
  }

  /**
   * The metadata of `issuer`, with the exceptions that are made for it now.
   * @param resource - what the tokens of `issuer` are for, which has named it unless the user has; the issuer itself
   *   when they name no audience
   * @throws BrokerError as `discoverAuthorizationServer`
   */
  async metadata(issuer: string, resource: string): Promise<AuthorizationServer> {
    const server = await this.#document(
      issuer,
      resource,
      this.isTyped(issuer, resource) ? undefined : resource,
    );
    return { ...server, [quirks]: merged(this.quirksOf(server.issuer)) };
  }

  #document(issuer: string, resource: string, namedBy: string | undefined): Promise<AuthorizationServer> {
    // What one server may lead to, another may not.
    const key = JSON.stringify([issuer, namedBy]);
    const known = this.#known.get(key);
    const nowMs = this.clock.nowMs();
    const agoMs = nowMs - (known?.askedAtMs ?? -Infinity);
    // From the future when the clock was set back.
    if (known !== undefined && agoMs >= 0 && agoMs < keepForMs) return known.server;
    const isForAll = this.audienceless(issuer) !== undefined;
    const found = isForAll ? undefined : resource;
    const server = discoverAuthorizationServer(this.fetch, issuer, found, this.closing, namedBy);
    const entry = { server, askedAtMs: nowMs };
    this.#known.set(key, entry);
    server.catch(() => {
      if (this.#known.get(key) === entry) this.#known.delete(key);
    });
    return server;
  }
}

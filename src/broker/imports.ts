import type { Account } from '../core/account.js';
import { isSameIssuer } from '../core/address.js';
import type { Audit } from '../core/audit.js';
import type { Client } from '../core/client.js';
import { isRenewable, keyOf, keyText, type CredentialKey, type LiveCredential } from '../core/credential.js';
import { BrokerError, hasCode } from '../core/errors.js';
import type { ForeignClient, FoundContent, RenewableTokens } from '../core/importing.js';
import type { HeldLease } from '../core/lease.js';
import type { RefusalReason } from '../core/refusal.js';
import type { AuthorizationServer } from '../oauth/authorization-server.js';
import { identify } from '../oauth/identity.js';
import { discoverResource } from '../oauth/protected-resource.js';
import { askWhoItIs } from '../oauth/userinfo.js';
import { Spending, type SpendingParts } from './refresh/spending.js';
import type { BoundServers } from './servers/bound-servers.js';
import { cancelled } from './state/failures.js';
import { claimFrom, clientFrom, issuedByGoogleAtMs } from './sign-in/foreign-grant.js';
import { renewed } from './state/generation.js';
import type { Holdings } from './state/holdings.js';
import { chooseIssuer } from './sign-in/issuer-choice.js';
import { ImportedGrants, type Imported, type Kept } from './sign-in/imported-grants.js';
import type { KeptLeases } from './state/kept-leases.js';
import type { Loader } from './servers/loader.js';
import type { OwnClients } from './state/own-clients.js';
import { patiently } from './state/patience.js';
import { Permission, type PermissionParts } from './sign-in/permission.js';
import type { Questions } from '../core/questions.js';

/** Somebody's grant that another program has kept. */
export type Importable = Extract<FoundContent, { kind: 'google' | 'server' }>;

/** How an import ended. */
export type ImportResult =
  | Imported
  | Kept
  /** The tokens speak for somebody else than the file says. */
  | { readonly kind: 'another-person'; readonly named: string; readonly actual: string }
  | Ended
  /** The server now leads to another issuer than the one that gave out the tokens. */
  | { readonly kind: 'another-issuer'; readonly issuer: string };

/** The issuer does not take the refresh token any more. */
export interface Ended {
  readonly kind: 'ended';
  readonly reason: RefusalReason;
}

export interface ImportsParts extends Omit<SpendingParts, 'closing'>, PermissionParts {
  readonly audit: Audit;
  readonly questions: Questions;
  readonly leases: KeptLeases;
  readonly servers: BoundServers;
  readonly holdings: Holdings;
  readonly loader: Loader;
  readonly own: OwnClients;
  /** The end of this window. */
  readonly closing: AbortSignal;
}

/** What another program says about tokens that name no audience. */
interface Claim {
  readonly tokens: RenewableTokens;
  readonly client: ForeignClient;
  /** What they are called until it is known whose they are. */
  readonly label: string;
}

/**
 * Takes over what another program has kept, so that it serves the servers that it fits. Refresh tokens are spent where
 * all of them are, and what is here and newer stays.
 */
export class Imports {
  readonly #spending: Spending;
  readonly #grants: ImportedGrants;

  constructor(private readonly parts: ImportsParts) {
    this.#spending = new Spending(parts);
    this.#grants = new ImportedGrants(parts);
  }

  /**
   * Does `work`, which imports one after the other. Servers use what they fit when all of them are here: before that,
   * the first would seem to be the only one.
   */
  async together<T>(work: () => Promise<T>): Promise<T> {
    const { servers, loader } = this.parts;
    try {
      return await servers.awaiting(work);
    } finally {
      await loader.loadAll();
    }
  }

  /**
   * @param issuer - of grants at Google: its issuer identifier
   * @throws BrokerError what keeps it from being tried now: `issuer_unreachable` and the like; `server_unknown`;
   *   `sign_in_cancelled`; `storage_locked`, `storage_unusable`, `vault_write_failed`
   */
  async import(found: Importable, issuer: string): Promise<ImportResult> {
    const { audit, clock, vault } = this.parts;
    await patiently(clock, () => vault.open());
    try {
      const result = await (found.kind === 'google'
        ? this.#fromGoogle(found, issuer)
        : this.#forServer(found));
      if (!('account' in result)) audit.record({ kind: 'import', outcome: result.kind });
      return result;
    } catch (error) {
      audit.record({
        kind: 'import',
        outcome: 'failed',
        ...(error instanceof BrokerError && { code: error.code }),
      });
      throw error;
    }
  }

  /** The file is named after somebody, and nothing but the issuer says whether that is true. */
  async #fromGoogle(
    { email, tokens, client }: Extract<Importable, { kind: 'google' }>,
    issuer: string,
  ): Promise<ImportResult> {
    const server = await this.parts.issuers.metadata(issuer, issuer);
    return this.#shared(server, { tokens, client, label: email }, (account) =>
      Promise.resolve(
        account.label.toLowerCase() === email
          ? undefined
          : { kind: 'another-person', named: email, actual: account.label },
      ),
    );
  }

  /**
   * Tokens that name no audience say nothing about whom they speak for and what they allow, so they are renewed, which
   * shows that they can be, and the issuer is asked who it is.
   * @param admit - why the tokens of that account are not kept; undefined when they are
   */
  async #shared(
    server: AuthorizationServer,
    { tokens, client: foreign, label }: Claim,
    admit: (account: Account, scopes: readonly string[]) => Promise<ImportResult | undefined>,
  ): Promise<ImportResult> {
    const { fetch, clock, vault, leases, closing } = this.parts;
    const { issuer } = server;
    const client = clientFrom(foreign, server, 'entered');
    const nobody = { issuer, subject: `import ${label}`, label };
    const issuedAtMs = issuedByGoogleAtMs(tokens, clock.nowMs());
    // Only to be renewed with: whom it is for is known with the answer.
    const claimed = claimFrom(nobody, client, issuer, tokens, clock.nowMs(), issuedAtMs);
    const fresh = await leases.hold(keyText(keyOf(claimed)), async (lease) => {
      const said = await this.#renew(claimed, lease);
      // Nothing is stored under this key that would end the note, and the file may be tried once more.
      await vault.attempts.end(keyOf(claimed), claimed.generation);
      return said;
    });
    if ('kind' in fresh) return fresh;
    const account = await askWhoItIs(fetch, server, fresh.tokens.accessToken, closing);
    const objection = await admit(account, fresh.scopes);
    if (objection !== undefined) return objection;
    const owned = { ...fresh, account };
    const outcome =
      (await this.#grants.covered(owned)) ??
      (await leases.hold(keyText(keyOf(owned)), () => this.#grants.keep(owned, issuedAtMs)));
    const result = await this.#grants.conclude(outcome, owned);
    await patiently(clock, () => this.#keepClient(client, account));
    return result;
  }

  /** Whoever signs in again later needs the client, and may have no other. */
  async #keepClient(client: Client, { label }: Account): Promise<void> {
    const { own } = this.parts;
    const present = await own.clientFor(client.issuer, label).catch((error: unknown) => {
      if (hasCode(error, 'client_rule_missing')) return undefined;
      throw error;
    });
    if (present === undefined) await own.extend(client, label.toLowerCase());
  }

  /** They are for one server, whose metadata says where they can be renewed; they may have to be, at once. */
  async #forServer({
    serverUrl,
    tokens,
    client: foreign,
    issuer: named,
  }: Extract<Importable, { kind: 'server' }>): Promise<ImportResult> {
    const { fetch, clock, questions, issuers, servers, closing } = this.parts;
    const server = servers.all().find(({ url }) => isSameAddress(url, serverUrl));
    if (server === undefined) throw new BrokerError('server_unknown', 'The server is not in the settings.');
    const resource = await discoverResource(fetch, server.url, closing);
    const issuer = await chooseIssuer({ ...this.parts, server }, resource, named);
    const metadata = await issuers.metadata(issuer, resource.resource);
    if (named !== undefined && !isSameIssuer(named, metadata.issuer))
      return { kind: 'another-issuer', issuer: metadata.issuer };
    const account = identify(metadata.issuer, { accessToken: tokens.accessToken });
    // A refresh token goes only to whoever gave it out. Where nothing says who that was, the user does.
    if (named === undefined && account.subject === '') {
      const confirmed = await questions.issuer(server.id, [metadata.issuer]);
      if (confirmed === undefined) throw cancelled();
    }
    if (issuers.audienceless(metadata.issuer) !== undefined) {
      const claim = { tokens, client: foreign, label: server.url };
      return this.#shared(metadata, claim, async (owner, scopes) => {
        await new Permission(this.parts, server, questions, metadata.issuer, scopes).keepFor(owner, scopes);
        return undefined;
      });
    }
    const client = clientFrom(foreign, metadata, 'dynamic');
    return this.#proven(claimFrom(account, client, resource.resource, tokens, clock.nowMs()));
  }

  /**
   * Tokens for one server are renewed, too, which shows that they are good; from then on the refresh token is ours alone.
   * What is here and alive stays unasked: it may descend from the same refresh token, and whoever spends that twice ends
   * the grant of both (RFC 9700 §4.14.2). What comes back is saved before the lease is given up.
   */
  async #proven(claim: LiveCredential): Promise<ImportResult> {
    const { leases } = this.parts;
    const outcome =
      (await this.#grants.covered(claim)) ??
      (await leases.hold(keyText(keyOf(claim)), (lease) => this.#prove(claim, lease)));
    if ('reason' in outcome) return outcome;
    return this.#grants.conclude(outcome, claim);
  }

  async #prove(claim: LiveCredential, lease: HeldLease): Promise<LiveCredential | Kept | Ended> {
    const { vault } = this.parts;
    const key = keyOf(claim);
    const present = await this.#grants.present(key);
    if (present !== undefined && isRenewable(present)) return this.#grants.kept(present, claim);
    const theirs = await this.#grants.perhapsTheirs(claim);
    if (theirs !== undefined) return theirs;
    const claimed = { ...claim, generation: await vault.generations.next(key) };
    const fresh = await this.#renew(claimed, lease);
    // Who it is says the issuer, and not the file.
    const outcome =
      'kind' in fresh
        ? fresh
        : await this.#keepUnder(key, { ...fresh, account: identify(claim.account.issuer, fresh.tokens) });
    await vault.attempts.end(key, claimed.generation);
    return outcome;
  }

  /** @throws BrokerError what keeps `claimed` from being renewed now */
  async #renew(claimed: LiveCredential, lease: HeldLease): Promise<LiveCredential | Ended> {
    const answer = await this.#spending.ask(claimed, lease);
    if (answer.kind === 'unavailable') throw answer.error;
    if (answer.kind === 'refused') return { kind: 'ended', reason: answer.reason };
    return renewed(claimed, answer.tokens, claimed.generation, this.parts.clock.nowMs());
  }

  /** Keeps `fresh` under the lease of `key`, which is its own unless the file has named somebody else. */
  #keepUnder(key: CredentialKey, fresh: LiveCredential): Promise<LiveCredential | Kept> {
    const own = keyText(keyOf(fresh));
    return own === keyText(key)
      ? this.#grants.keep(fresh)
      : this.parts.leases.hold(own, () => this.#grants.keep(fresh));
  }
}

const isSameAddress = (a: string, b: string): boolean => a.replace(/\/$/, '') === b.replace(/\/$/, '');

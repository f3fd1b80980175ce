import type { Account } from '../core/account.js';
import { isSameIssuer } from '../core/address.js';
import type { Audit } from '../core/audit.js';
import type { Client } from '../core/client.js';
import { isAlive, keyOf, keyText, type Credential, type LiveCredential } from '../core/credential.js';
import { BrokerError, hasCode } from '../core/errors.js';
import type { ForeignClient, ForeignTokens, FoundContent } from '../core/importing.js';
import type { RefusalReason } from '../core/refusal.js';
import type { Secret } from '../core/secret.js';
import type { AuthorizationServer } from '../oauth/authorization-server.js';
import { identify } from '../oauth/identity.js';
import { discoverResource } from '../oauth/protected-resource.js';
import { askWhoItIs } from '../oauth/userinfo.js';
import { Spending, type SpendingParts } from './refresh/spending.js';
import type { BoundServers } from './servers/bound-servers.js';
import { cancelled } from './state/failures.js';
import { clientFrom, credentialFrom } from './sign-in/foreign-grant.js';
import { newest, renewed } from './state/generation.js';
import type { Holdings } from './state/holdings.js';
import { chooseIssuer } from './sign-in/issuer-choice.js';
import type { KeptLeases } from './state/kept-leases.js';
import type { Loader } from './servers/loader.js';
import type { OwnClients } from './state/own-clients.js';
import { patiently, readPatiently } from './state/patience.js';
import { Permission, type PermissionParts } from './sign-in/permission.js';
import type { Questions } from '../core/questions.js';

/** Somebody's grant that another program has kept. */
export type Importable = Extract<FoundContent, { kind: 'google' | 'server' }>;

/** How an import ended. */
export type ImportResult =
  | { readonly kind: 'imported'; readonly account: Account }
  /** What is here already is newer, or as new, or allows more, and stays. */
  | {
      readonly kind: 'kept';
      readonly account: Account;
      /** Whether it is alive, and allows all that was found. */
      readonly isCovered: boolean;
    }
  /** The tokens speak for somebody else than the file says. */
  | { readonly kind: 'another-person'; readonly named: string; readonly actual: string }
  /** The issuer does not take the refresh token any more. */
  | { readonly kind: 'ended'; readonly reason: RefusalReason }
  /** The server now leads to another issuer than the one that gave out the tokens. */
  | { readonly kind: 'another-issuer'; readonly issuer: string };

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
  readonly tokens: ForeignTokens & { readonly refreshToken: Secret };
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

  constructor(private readonly parts: ImportsParts) {
    this.#spending = new Spending(parts);
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
    // Only to be renewed with: whom it is for is known with the answer, and there may be no access token at all.
    const accessToken = tokens.accessToken ?? tokens.refreshToken;
    const claimed = credentialFrom(nobody, client, issuer, tokens, accessToken, clock.nowMs());
    const key = keyOf(claimed);
    const answer = await leases.hold(keyText(key), async (lease) => {
      const said = await this.#spending.ask(claimed, lease);
      // Nothing is stored under this key that would end the note, and the file may be tried once more.
      if (said.kind !== 'unavailable') await vault.attempts.end(key, claimed.generation);
      return said;
    });
    if (answer.kind === 'unavailable') throw answer.error;
    if (answer.kind === 'refused') return { kind: 'ended', reason: answer.reason };
    const fresh = renewed(claimed, answer.tokens, 1, clock.nowMs());
    const account = await askWhoItIs(fetch, server, fresh.tokens.accessToken, closing);
    const objection = await admit(account, fresh.scopes);
    if (objection !== undefined) return objection;
    const result = await this.#keep({ ...fresh, account }, claimed.tokens.issuedAtMs, true);
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
      const { refreshToken } = tokens;
      // As with files of that issuer: what could not be renewed ends within the hour.
      if (refreshToken === undefined) return { kind: 'ended', reason: 'not-renewable' };
      const claim = { tokens: { ...tokens, refreshToken }, client: foreign, label: server.url };
      return this.#shared(metadata, claim, async (owner, scopes) => {
        await new Permission(this.parts, server, questions, metadata.issuer, scopes).keepFor(owner, scopes);
        return undefined;
      });
    }
    const client = clientFrom(foreign, metadata, 'dynamic');
    const { accessToken } = tokens;
    const credential = credentialFrom(account, client, resource.resource, tokens, accessToken, clock.nowMs());
    return this.#keep(credential, credential.tokens.issuedAtMs, false);
  }

  /**
   * Under the lease, so that a renewal of what is here comes to its end first.
   * @param issuedAtMs - when the other program got its tokens
   * @param isProven - whether the issuer has just renewed them
   */
  async #keep(fresh: LiveCredential, issuedAtMs: number, isProven: boolean): Promise<ImportResult> {
    const { clock, vault, leases, holdings, audit, issuers } = this.parts;
    const { account, resource, scopes, tokens } = fresh;
    const key = keyOf(fresh);
    const covers: Covers = (...asked) => issuers.missingScopes(account.issuer, ...asked).length === 0;
    let isCovered = false;
    const kept = await leases.hold(keyText(key), async () => {
      // Nobody can say of what cannot be read that it is older.
      const stored = await readPatiently(this.parts, key, 'certain');
      const held = holdings.get(keyText(key))?.credential;
      // News of another window may have got lost.
      const present = held === undefined ? stored : newest(held, stored);
      isCovered = present !== undefined && isAlive(present) && covers(present.scopes, scopes);
      if (!mayReplace(present, fresh, { issuedAtMs, isProven, covers })) return undefined;
      const after = (present?.generation ?? 0) + 1;
      const next = { ...fresh, generation: Math.max(after, await vault.generations.next(key)) };
      return (await patiently(clock, () => vault.put(next))) === 'saved' ? next : undefined;
    });
    const about = { kind: 'import', account, resource } as const;
    if (kept === undefined) {
      audit.record({ ...about, outcome: 'not-newer' });
      return { kind: 'kept', account, isCovered };
    }
    if (holdings.get(keyText(key)) !== undefined) holdings.take(kept);
    const { generation } = kept;
    audit.record({ ...about, outcome: 'imported', generation, scopes, token: tokens.accessToken });
    return { kind: 'imported', account };
  }
}

/** Whether `granted` allows all of `wanted`, as their issuer understands scopes. */
type Covers = (granted: readonly string[], wanted: readonly string[]) => boolean;

/**
 * Whether tokens of another program take the place of what is here: of nothing; of a grant that was refused, if they
 * are known to be good or were given out later; of older tokens that allow no more than they do.
 * @param about.issuedAtMs - when the other program got its tokens
 * @param about.isProven - whether the issuer has just renewed them
 */
export function mayReplace(
  present: Credential | undefined,
  fresh: Credential,
  about: { readonly issuedAtMs: number; readonly isProven: boolean; readonly covers: Covers },
): boolean {
  const { issuedAtMs, isProven, covers } = about;
  if (present === undefined) return true;
  if (present.tokens.kind === 'refused') return isProven || present.tokens.refusedAtMs < issuedAtMs;
  return covers(fresh.scopes, present.scopes) && present.tokens.issuedAtMs < issuedAtMs;
}

const isSameAddress = (a: string, b: string): boolean => a.replace(/\/$/, '') === b.replace(/\/$/, '');

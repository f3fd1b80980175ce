import { sameAccount, type Account } from '../../core/account.js';
import { isLookedAfter } from '../../core/client.js';
import { keyOf, keyText, type LiveCredential } from '../../core/credential.js';
import { BrokerError, describeError } from '../../core/errors.js';
import type { IssuerGrant } from '../../core/grant.js';
import type { ExchangedLogin } from '../../core/issuer-driver.js';
import type { HeldLease } from '../../core/lease.js';
import type { Clock, Fetch, Log } from '../../core/ports.js';
import type { CutOff, RefusalReason } from '../../core/refusal.js';
import type { Secret } from '../../core/secret.js';
import type { TokenAnswer } from '../../oauth/token-answer.js';
import { refreshTokens } from '../../oauth/token-request.js';
import { askWhoItIs } from '../../oauth/userinfo.js';
import type { CredentialVault } from '../../vault/credentials.js';
import { Brake } from '../state/brake.js';
import { refused, tooMany } from '../state/failures.js';
import { exchangedIn } from '../state/generation.js';
import { asTokenAnswer, withoutEnd, type Grants } from '../state/grants.js';
import type { Issuers } from '../state/issuers.js';
import { asBrokerError, clientRefused, laterRefused, tokenRefused, tookOver } from './spending-errors.js';

/**
 * Tokens of five seconds are legitimate and need fifteen; more than this is a loop, whatever its cause. Each window counts
 * for itself: what another one has renewed is found in the vault and not asked for again, so that the counts add up only
 * where a call in each window has every new token refused, and those have a brake of their own.
 */
const renewalsPerMinute = 20;

/** As `TokenAnswer`; what was exchanged although no token came has to be saved before anything else. */
export type SpendingAnswer = TokenAnswer & { readonly exchanged?: ExchangedLogin };

export interface SpendingParts {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly log: Log;
  readonly vault: CredentialVault;
  readonly issuers: Issuers;
  readonly grants: Grants;
  /** The end of this window. */
  readonly closing: AbortSignal;
}

/**
 * Spends refresh tokens. Before one leaves, the storage has to show that it takes what will come back: where it takes
 * nothing, the refresh token is not spent, even when the access token has ended. A call that fails now can be made
 * again as soon as there is room on the disk; a grant whose newest token is lost costs a sign-in in every window.
 */
export class Spending {
  readonly #brake: Brake;

  constructor(private readonly parts: SpendingParts) {
    this.#brake = new Brake(parts.clock, renewalsPerMinute, 60_000);
  }

  /**
   * What is to be asked with: `credential`, with its client as it is known now. Somebody may have entered a new secret
   * when signing in with another account.
   */
  async upToDate(credential: LiveCredential): Promise<LiveCredential> {
    const { vault, log } = this.parts;
    const { client } = credential;
    if (!isLookedAfter(client)) return credential;
    const { issuer, clientId, source } = client;
    try {
      const byId = await vault.client(issuer, clientId);
      const known = byId ?? (source === 'configured' ? undefined : await vault.client(issuer));
      return known?.clientId === clientId ? { ...credential, client: known } : credential;
    } catch (error) {
      log.warn(`Whether a client has changed cannot be read: ${describeError(error)}`);
      return credential;
    }
  }

  /**
   * Asks for new tokens under `lease`. Never rejects: whatever kept us from asking says nothing about the grant.
   * @param seen - the newest generation that was saved before `credential` was read, which is above that of `credential`
   *   where nobody can read the newest any more. What is newer than both when the refresh token is to leave was got by
   *   another window: nothing is spent, and the answer is `renewing_elsewhere`. Missing for what nobody has stored yet
   * @returns a refusal with the reason that is known here, where the refresh token had been spent before. That a client
   *   is not taken today which somebody looks after costs nobody the grant; the next sign-in asks for its secret. Nor does
   *   a refusal end a grant that can be repeated: its proof may only be stale, as after waking up; nor one whose login was
   *   exchanged just now, so that it was something else that was refused
   */
  async ask(credential: LiveCredential, lease: HeldLease, seen?: number): Promise<SpendingAnswer> {
    const name = keyText(keyOf(credential));
    if (!this.#brake.admits(name))
      return { kind: 'unavailable', error: tooMany(this.#brake.opensAtMs(name)) };
    const { client } = credential;
    const said = await this.#spendOrRepeat(credential, lease, seen);
    if (said.kind !== 'refused') return said;
    const answer = { ...said, reason: this.#toldReason(said, credential) ?? said.reason };
    const { exchanged } = said;
    if (exchanged !== undefined)
      return { kind: 'unavailable', error: laterRefused(credential, answer), exchanged };
    if (isRepeatable(credential) && answer.reason !== 'client-gone')
      return { kind: 'unavailable', error: tokenRefused(client.issuer, answer) };
    if (!this.#isMendable(said, credential)) return answer;
    if (!this.parts.issuers.isIrreplaceable(client))
      await this.parts.vault.forgetClient(client).catch((error: unknown) => {
        this.parts.log.warn(`The secret of a client was not forgotten: ${describeError(error)}`);
      });
    return { kind: 'unavailable', error: clientRefused(client.issuer, answer) };
  }

  /** A dead refresh token ends no grant that can be repeated, nor does a stale proof while the refresh token lives. */
  async #spendOrRepeat(
    credential: LiveCredential,
    lease: HeldLease,
    seen: number | undefined,
  ): Promise<SpendingAnswer> {
    const { refreshToken } = credential.tokens;
    // One that an earlier version has kept beside such a grant counts for nothing (RFC 6749 §4.4.3).
    if (refreshToken === undefined || credential.grant?.kind === 'client_credentials')
      return this.#repeat(credential);
    const said = await this.#spend(credential, refreshToken, lease, seen);
    return said.kind === 'refused' && isRepeatable(credential) ? this.#repeat(credential) : said;
  }

  /** Whether it is the client that was refused, and somebody looks after it. */
  #isMendable(said: Extract<TokenAnswer, { kind: 'refused' }>, credential: LiveCredential): boolean {
    const reason = this.#toldReason(said, credential) ?? said.reason;
    return reason === 'client-gone' && isLookedAfter(credential.client);
  }

  /** Why the issuer refused, where its own words or the age of the grant say more than the protocol. */
  #toldReason(
    { error, description }: Extract<TokenAnswer, { kind: 'refused' }>,
    { account, tokens }: LiveCredential,
  ): RefusalReason | undefined {
    const { issuers, clock } = this.parts;
    const { issuedAtMs: renewedAtMs, grantedAtMs, grantEndsAtMs } = tokens;
    return issuers.driverOf(account.issuer)?.refusalReason({
      error,
      description,
      nowMs: clock.nowMs(),
      // What another program has left may not say when it got it.
      ...(renewedAtMs > 0 && { renewedAtMs }),
      ...(grantedAtMs !== undefined && { grantedAtMs }),
      ...(grantEndsAtMs !== undefined && { grantEndsAtMs }),
    });
  }

  /** Repeating a grant spends nothing, so nothing has to be ready for the answer. */
  async #repeat(credential: LiveCredential): Promise<SpendingAnswer> {
    const { issuers, grants } = this.parts;
    const { account, resource, scopes, client, grant, tokens } = credential;
    const wishes = { resource, scopes, ...(tokens.dpopKey && { dpopKey: tokens.dpopKey }) };
    try {
      if (grant === undefined) throw refused(credential);
      if (grant.kind === 'google') return await this.#issue(credential, grant);
      return await grants.request(await issuers.metadata(account.issuer, resource), client, grant, wishes);
    } catch (error) {
      return { kind: 'unavailable', error: asBrokerError(error) };
    }
  }

  /** By now, somebody else may have logged in to the file. Nothing of theirs is lent as this account's. */
  async #issue(
    { account, scopes, tokens: held }: LiveCredential,
    grant: IssuerGrant,
  ): Promise<SpendingAnswer> {
    const { fetch, issuers, grants, closing } = this.parts;
    const { issuer } = account;
    const { refreshToken, loginDigest } = held;
    // A credential of an earlier version says nothing of what its tokens allow.
    const isUnsaid = scopes.length === 0 && grant.audience === undefined;
    const asked = isUnsaid ? issuers.usualScopes(issuer) : scopes;
    const wishes = {
      scopes: asked,
      ...(refreshToken && { refreshToken }),
      ...(loginDigest && { loginDigest }),
    };
    const answer = await grants.issue(issuer, grant, wishes);
    if (answer.kind !== 'granted') return answer;
    const { token } = answer;
    const isSameLogin =
      loginDigest !== undefined && token.loginDigest === loginDigest && held.isLoginUnproven !== true;
    const askIssuer = async () =>
      askWhoItIs(fetch, await issuers.metadata(issuer, issuer), token.accessToken, closing);
    const login = exchangedIn(token, refreshToken);
    const exchanged = login === undefined ? {} : { exchanged: login };
    let named: Account;
    try {
      named = token.account ?? (isSameLogin ? account : await askIssuer());
    } catch (error) {
      return { kind: 'unavailable', error: asBrokerError(error), ...exchanged };
    }
    if (sameAccount(named, account)) return asTokenAnswer({ ...answer, token: { scopes: asked, ...token } });
    const { label: description } = named;
    return { kind: 'refused', reason: 'other-account', error: 'wrong_account', description, ...exchanged };
  }

  /** How `refreshToken` is to be spent, once everything is known that has to be. */
  async #howToSpend(
    credential: LiveCredential,
    refreshToken: Secret,
  ): Promise<() => Promise<SpendingAnswer>> {
    const { fetch, clock, issuers } = this.parts;
    const { account, resource, grant } = credential;
    if (grant?.kind === 'google') return () => this.#issue(credential, grant);
    const server = await issuers.metadata(account.issuer, resource);
    const send = () => refreshTokens(fetch, server, credential, refreshToken, clock.nowMs());
    return grant === undefined ? send : async () => withoutEnd(await send());
  }

  async #spend(
    credential: LiveCredential,
    refreshToken: Secret,
    lease: HeldLease,
    seen: number | undefined,
  ): Promise<SpendingAnswer> {
    const { vault, closing } = this.parts;
    const key = keyOf(credential);
    let spend: () => Promise<SpendingAnswer>;
    let earlier: CutOff | undefined;
    const isOvertaken = async () =>
      seen !== undefined && (await vault.generations.newest(key)) > Math.max(seen, credential.generation);
    try {
      spend = await this.#howToSpend(credential, refreshToken);
      // Nobody may be there any more when the answer comes.
      if (closing.aborted) throw new BrokerError('issuer_unreachable', 'The window is closing.');
      earlier = await vault.attempts.begin(key, credential.generation);
    } catch (error) {
      return { kind: 'unavailable', error: asBrokerError(error) };
    }
    try {
      // Right before the request leaves, since it cannot be taken back. Whoever had the lease before may have stood still
      // with an answer in the hand, and have saved it since.
      if (!(await lease.isHeld()) || (await isOvertaken())) return { kind: 'unavailable', error: tookOver() };
    } catch (error) {
      await vault.attempts.end(key, credential.generation, earlier);
      return { kind: 'unavailable', error: asBrokerError(error) };
    }
    const answer = await spend().catch((error: unknown): SpendingAnswer => ({
      kind: 'unavailable',
      error: asBrokerError(error),
    }));
    // The note about the attempt stands until what was exchanged is saved.
    if (answer.exchanged !== undefined) return answer;
    if (answer.kind === 'unavailable')
      await vault.attempts.end(
        key,
        credential.generation,
        mayBeSpent(answer.error) ? 'answer-lost' : earlier,
      );
    if (answer.kind !== 'refused') return answer;
    if (this.#isMendable(answer, credential)) {
      // Who is asking was looked at, and the refresh token was not.
      await vault.attempts.end(key, credential.generation, earlier);
      return answer;
    }
    // A later one was stored, and nobody can read it any more.
    const isBehind = (await vault.generations.newest(key).catch(() => 0)) > credential.generation;
    return {
      ...answer,
      reason: explained(answer.reason, earlier ?? (isBehind ? 'secret-missing' : undefined)),
    };
  }
}

/**
 * Whether there is no login of a person that may have ended: whoever refuses today may give a token tomorrow, without the
 * user.
 */
const isRepeatable = ({ grant, tokens: { refreshToken, loginDigest } }: LiveCredential): boolean =>
  grant !== undefined &&
  (grant.kind !== 'google' || (refreshToken === undefined && loginDigest === undefined));

/** An answer that says "not now" was given instead of tokens; without one, they may have been on their way. */
const mayBeSpent = ({ code, details }: BrokerError): boolean =>
  code !== 'tls_untrusted' &&
  code !== 'token_file_unusable' &&
  (details['status'] === undefined || details['status'] === 200);

/** A token that comes twice is refused in words that say "expired" or "revoked", if anything. */
const explained = (reason: RefusalReason, known: RefusalReason | undefined): RefusalReason =>
  known !== undefined && ['refused', 'revoked', 'expired', 'untold'].includes(reason) ? known : reason;

import type { Account } from '../../core/account.js';
import { keyOf, keyText, type Credential } from '../../core/credential.js';
import type { Audit } from '../../core/audit.js';
import type { Counters } from '../../core/counters.js';
import { BrokerError, hasCode } from '../../core/errors.js';
import type { Questions } from '../../core/questions.js';
import type { ServerId } from '../../core/server.js';
import { keyOfEntry } from '../../vault/records/index-entry.js';
import type { BoundServers } from '../servers/bound-servers.js';
import { Brake } from '../state/brake.js';
import { cancelled, tooMany } from '../state/failures.js';
import { newest, withLoginOf } from '../state/generation.js';
import type { Holdings } from '../state/holdings.js';
import type { KeptLeases } from '../state/kept-leases.js';
import { replaceOthers } from './other-grants.js';
import { PastedRedirect } from './pasted-redirect.js';
import { signIn, type SignInParts, type SignInWay } from './sign-in.js';
import type { StepUps } from '../state/step-ups.js';

/** Nobody clicks faster than this and means it. */
const signInsPerMinute = 5;

export interface SignInsParts extends SignInParts {
  readonly questions: Questions;
  readonly counters: Counters;
  readonly audit: Audit;
  readonly leases: KeptLeases;
  readonly servers: BoundServers;
  readonly holdings: Holdings;
  readonly stepUps: StepUps;
  /** The end of this window. */
  readonly closing: AbortSignal;
  /** Called when a sign-in begins and when it has ended. */
  readonly changed: () => void;
}

interface Running {
  readonly giveUp: AbortController;
  readonly pasted: PastedRedirect;
  /** Whether a user wants it, or it goes on by itself. */
  readonly reason: 'signed-in' | 'granted';
}

/** For what goes on without the user. */
const nobodyToAsk: Questions = {
  issuer: () => Promise.resolve(undefined),
  client: () => Promise.resolve(undefined),
  mayReceive: () => Promise.resolve(false),
  proof: () => Promise.resolve(undefined),
};

const hasLogin = ({ tokens }: Credential): boolean =>
  tokens.kind === 'alive' && tokens.loginDigest !== undefined;

/** The sign-ins that are under way in this window, one for each server at most. */
export class SignIns {
  readonly #running = new Map<ServerId, Running>();
  /** Those of which it is not known yet whether their way is one; until then the one before goes on. */
  readonly #preparing = new Map<ServerId, Running>();
  readonly #silent = new Map<ServerId, Promise<Account>>();
  readonly #brake: Brake;
  readonly #silentBrake: Brake;

  constructor(private readonly parts: SignInsParts) {
    this.#brake = new Brake(parts.clock, signInsPerMinute, 60_000);
    this.#silentBrake = new Brake(parts.clock, signInsPerMinute, 60_000);
  }

  isUnderWay(id: ServerId): boolean {
    return this.#running.has(id);
  }

  /** Whether the sign-in for `id` waits for the browser to come back. */
  isInBrowser(id: ServerId): boolean {
    return this.#running.get(id)?.pasted.isExpected === true;
  }

  /**
   * Signs in for `id` by the grant of its settings, which needs no user; once for all who ask meanwhile.
   * @returns undefined where it has none, the user has signed out, in whichever window, or something would have to be asked
   * @throws BrokerError as `signIn`
   */
  async signInSilently(id: ServerId): Promise<Account | undefined> {
    const { servers, vault } = this.parts;
    if (servers.get(id).auth.grant === undefined || servers.isSignedOut(id)) return undefined;
    const last = servers.lastBoundTo(id);
    if (last !== undefined && (await vault.isRemoved(keyOfEntry(last)))) return undefined;
    const running = this.#silent.get(id) ?? this.#begin(id).finally(() => this.#silent.delete(id));
    this.#silent.set(id, running);
    try {
      return await running;
    } catch (error) {
      if (hasCode(error, 'sign_in_cancelled')) return undefined;
      throw error;
    }
  }

  async #begin(id: ServerId): Promise<Account> {
    if (this.isUnderWay(id)) throw cancelled();
    if (!this.#silentBrake.admits(id)) throw tooMany(this.#silentBrake.opensAtMs(id));
    return this.#signIn(id, undefined, 'browser', 'silent');
  }

  /**
   * Signs in for `id` in the browser; a sign-in for it that is under way is given up for this one, as soon as it is
   * known that there is another way.
   * @param same - the only account that may come back; anybody when undefined
   * @param manner - `held`: the user has chosen it from those that are signed in, so that it may do without the browser;
   *   `another`: the user wants none of those
   * @throws BrokerError as `signIn` of sign-in.ts; `server_unknown`; `too_many_attempts`; `storage_locked`,
   *   `storage_unusable`
   */
  async signIn(
    id: ServerId,
    same: Account | undefined,
    way: SignInWay,
    manner?: 'held' | 'another',
  ): Promise<Account> {
    const { servers } = this.parts;
    servers.get(id);
    if (!this.#brake.admits(id)) throw tooMany(this.#brake.opensAtMs(id));
    return this.#signIn(id, same, way, manner);
  }

  async #signIn(
    id: ServerId,
    same: Account | undefined,
    way: SignInWay,
    manner?: 'held' | 'another' | 'silent',
  ): Promise<Account> {
    const { servers, counters, audit, stepUps, closing, changed } = this.parts;
    const server = servers.get(id);
    const running: Running = {
      giveUp: new AbortController(),
      pasted: new PastedRedirect(),
      reason: manner === 'silent' ? 'granted' : 'signed-in',
    };
    const begin = () => {
      if (this.#preparing.get(id) === running) this.#preparing.delete(id);
      this.cancel(id);
      this.#running.set(id, running);
      changed();
    };
    if (way === 'code' && this.isUnderWay(id)) this.#preparing.set(id, running);
    else begin();
    const { pasted } = running;
    try {
      await this.#requireStorage();
      const account = await signIn(this.parts, {
        server,
        way,
        pasted,
        questions: manner === 'silent' ? nobodyToAsk : this.parts.questions,
        begin: () => {
          if (this.#running.get(id) !== running) begin();
        },
        ...(same !== undefined && { account: same }),
        // What one account was granted before is nothing to another one.
        moreScopes: stepUps.wanted(id)?.[manner === 'another' ? 'missing' : 'scopes'] ?? [],
        mayReuse:
          manner === 'held' ||
          (manner === undefined && same === undefined && servers.boundTo(id) === undefined),
        isAnother: manner === 'another',
        keep: (credential, missing) => this.#keep(id, credential, running, missing),
        use: (credential) => this.#use(id, credential, running),
        signal: AbortSignal.any([running.giveUp.signal, closing]),
      });
      counters.add('signIns.completed');
      stepUps.signedIn(id);
      return account;
    } catch (error) {
      counters.add('signIns.failed');
      audit.record({
        kind: 'sign-in',
        outcome: 'failed',
        server: id,
        ...(same !== undefined && { account: same }),
        ...(error instanceof BrokerError && { code: error.code }),
      });
      throw error;
    } finally {
      if (this.#running.get(id) === running) this.#running.delete(id);
      if (this.#preparing.get(id) === running) this.#preparing.delete(id);
      changed();
    }
  }

  /**
   * Takes `text` as the redirect of the sign-in that is under way for `id`.
   * @returns whether it is one
   */
  paste(id: ServerId, text: string): boolean {
    return this.#running.get(id)?.pasted.paste(text) === true;
  }

  /** Gives up the sign-in that is under way for `id`, if there is one. */
  cancel(id: ServerId): void {
    for (const one of [this.#running.get(id), this.#preparing.get(id)]) one?.giveUp.abort(cancelled());
  }

  /** Gives up those that `isStale` says something about. */
  cancelWhere(isStale: (id: ServerId) => boolean): void {
    for (const id of new Set([...this.#running.keys(), ...this.#preparing.keys()]))
      if (isStale(id)) this.cancel(id);
  }

  /** Nobody is sent to a browser for what could not be kept. Another trouble may be over by then. */
  async #requireStorage(): Promise<void> {
    await this.parts.vault.open().catch((error: unknown) => {
      if (hasCode(error, 'storage_locked', 'storage_unusable')) throw error;
    });
  }

  /** Under the lease: a renewal of what this replaces finishes first, and its generation is counted. */
  async #keep(
    id: ServerId,
    fresh: Credential,
    running: Running,
    missing: readonly string[] = [],
  ): Promise<void> {
    const { leases, holdings, vault, servers, audit, log } = this.parts;
    const key = keyOf(fresh);
    const save = async () => {
      const held = holdings.get(keyText(key))?.credential;
      const stored = hasLogin(fresh) ? await vault.get(key).catch(() => undefined) : undefined;
      const present = held === undefined ? stored : newest(held, stored);
      const after = (held?.generation ?? 0) + 1;
      const generation = Math.max(after, await vault.generations.next(key));
      const next = { ...withLoginOf(fresh, present), generation };
      await vault.put(next);
      return next;
    };
    const entry = { account: fresh.account, clientId: key.clientId, resource: key.resource };
    // The news of what is saved may be faster than the end of the saving.
    const credential = await servers.reserveFor(id, async () => {
      const saved = await leases.holdOrDoWithout(keyText(key), save);
      servers.bind(id, entry, running.reason, missing);
      return saved;
    });
    if (this.#running.get(id) === running) this.#running.delete(id); // The state is that of the credential from now on.
    holdings.take(credential);
    await this.#replaceOthers(credential);
    const { account, resource, generation, scopes, tokens } = credential;
    audit.record({
      kind: 'sign-in',
      outcome: 'completed',
      server: id,
      account,
      resource,
      generation,
      scopes,
      ...(tokens.kind === 'alive' && { token: tokens.accessToken }),
    });
    log.info(`Signed in ${JSON.stringify(fresh.account.label)} for ${JSON.stringify(id)}.`);
  }

  /** Another server of the same account has signed in, and this one needs nothing more. */
  async #use(id: ServerId, credential: Credential, running: Running): Promise<void> {
    const { servers, holdings, log } = this.parts;
    const { account, client, resource } = credential;
    servers.bind(id, { account, clientId: client.clientId, resource }, running.reason);
    if (this.#running.get(id) === running) this.#running.delete(id);
    holdings.take(credential);
    log.info(`${JSON.stringify(id)} uses what ${JSON.stringify(account.label)} has granted already.`);
    return Promise.resolve();
  }

  /**
   * What the same account was granted under an earlier registration of ours is not used any more; of tokens that serve
   * all servers, those stay that allow more.
   */
  #replaceOthers(credential: Credential): Promise<void> {
    const { issuers } = this.parts;
    const { account, scopes } = credential;
    const isShared = issuers.audienceless(account.issuer) !== undefined;
    return replaceOthers(
      this.parts,
      credential,
      (entry) => !isShared || issuers.missingScopes(account.issuer, scopes, entry.scopes).length === 0,
    );
  }
}

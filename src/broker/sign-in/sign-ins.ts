import type { Account } from '../../core/account.js';
import type { Audit } from '../../core/audit.js';
import type { Counters } from '../../core/counters.js';
import { BrokerError, hasCode } from '../../core/errors.js';
import type { Questions } from '../../core/questions.js';
import type { Server, ServerId } from '../../core/server.js';
import { keyOfEntry } from '../../vault/records/index-entry.js';
import { Brake } from '../state/brake.js';
import { cancelled, tooMany } from '../state/failures.js';
import type { StepUps } from '../state/step-ups.js';
import { keepGranted, useGranted, type GrantedBy, type NewlyGrantedParts } from './newly-granted.js';
import { PastedRedirect } from './pasted-redirect.js';
import { signIn, type SignInParts, type SignInWay, type SignInWish } from './sign-in.js';

/** Nobody clicks faster than this and means it. */
const signInsPerMinute = 5;

export interface SignInsParts extends SignInParts, NewlyGrantedParts {
  readonly questions: Questions;
  readonly counters: Counters;
  readonly audit: Audit;
  readonly stepUps: StepUps;
  /** The end of this window. */
  readonly closing: AbortSignal;
  /** Called when a sign-in begins and when it has ended. */
  readonly changed: () => void;
}

/** A sign-in as it was asked for. */
interface Asked {
  readonly id: ServerId;
  /** The only account that may come back. */
  readonly same?: Account | undefined;
  readonly way: SignInWay;
  readonly manner?: 'held' | 'another' | 'silent' | undefined;
}

interface Running {
  readonly giveUp: AbortController;
  readonly pasted: PastedRedirect;
  readonly reason: GrantedBy['reason'];
}

/** For what goes on without the user. */
const nobodyToAsk: Questions = {
  issuer: () => Promise.resolve(undefined),
  client: () => Promise.resolve(undefined),
  mayReceive: () => Promise.resolve(false),
  proof: () => Promise.resolve(undefined),
};

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
    const running = this.#silent.get(id) ?? this.#withoutUser(id).finally(() => this.#silent.delete(id));
    this.#silent.set(id, running);
    try {
      return await running;
    } catch (error) {
      if (hasCode(error, 'sign_in_cancelled')) return undefined;
      throw error;
    }
  }

  async #withoutUser(id: ServerId): Promise<Account> {
    if (this.isUnderWay(id)) throw cancelled();
    if (!this.#silentBrake.admits(id)) throw tooMany(this.#silentBrake.opensAtMs(id));
    return this.#signIn({ id, way: 'browser', manner: 'silent' });
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
    return this.#signIn({ id, same, way, manner });
  }

  async #signIn(asked: Asked): Promise<Account> {
    const { servers, counters, stepUps, changed } = this.parts;
    const { id, way, manner } = asked;
    const server = servers.get(id);
    const running: Running = {
      giveUp: new AbortController(),
      pasted: new PastedRedirect(),
      reason: manner === 'silent' ? 'granted' : 'signed-in',
    };
    if (way === 'code' && this.isUnderWay(id)) this.#preparing.set(id, running);
    else this.#begin(id, running);
    try {
      await this.#requireStorage();
      const account = await signIn(this.parts, this.#wish(asked, server, running));
      counters.add('signIns.completed');
      stepUps.signedIn(id);
      return account;
    } catch (error) {
      this.#noteFailed(asked, error);
      throw error;
    } finally {
      this.#end(id, running);
      if (this.#preparing.get(id) === running) this.#preparing.delete(id);
      changed();
    }
  }

  /** Puts `running` in the place of the one before. */
  #begin(id: ServerId, running: Running): void {
    if (this.#preparing.get(id) === running) this.#preparing.delete(id);
    this.cancel(id);
    this.#running.set(id, running);
    this.parts.changed();
  }

  #end(id: ServerId, running: Running): void {
    if (this.#running.get(id) === running) this.#running.delete(id);
  }

  #wish({ id, same, way, manner }: Asked, server: Server, running: Running): SignInWish {
    const { parts } = this;
    const { servers, stepUps, closing } = parts;
    const { reason, pasted, giveUp } = running;
    const by: GrantedBy = { server: id, reason, ended: () => this.#end(id, running) };
    const isFirst = manner === undefined && same === undefined && servers.boundTo(id) === undefined;
    return {
      server,
      way,
      pasted,
      questions: manner === 'silent' ? nobodyToAsk : parts.questions,
      begin: () => {
        if (this.#running.get(id) !== running) this.#begin(id, running);
      },
      ...(same !== undefined && { account: same }),
      // What one account was granted before is nothing to another one.
      moreScopes: stepUps.wanted(id)?.[manner === 'another' ? 'missing' : 'scopes'] ?? [],
      mayReuse: manner === 'held' || isFirst,
      isAnother: manner === 'another',
      keep: (credential, missing = []) => keepGranted(parts, credential, by, missing),
      use: (credential) => useGranted(parts, credential, by),
      signal: AbortSignal.any([giveUp.signal, closing]),
    };
  }

  #noteFailed({ id, same }: Asked, error: unknown): void {
    const { counters, audit } = this.parts;
    counters.add('signIns.failed');
    audit.record({
      kind: 'sign-in',
      outcome: 'failed',
      server: id,
      ...(same !== undefined && { account: same }),
      ...(error instanceof BrokerError && { code: error.code }),
    });
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
}

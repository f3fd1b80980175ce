import {
  isAlive,
  keyOf,
  keyText,
  succeeds,
  type Credential,
  type CredentialKey,
  type LiveCredential,
} from '../../core/credential.js';
import type { Counters } from '../../core/counters.js';
import { describeError, type BrokerError } from '../../core/errors.js';
import type { ExchangedLogin } from '../../core/issuer-driver.js';
import type { HeldLease } from '../../core/lease.js';
import type { Clock, Log } from '../../core/ports.js';
import type { GrantedTokens, TokenAnswer } from '../../oauth/token-answer.js';
import type { CredentialVault } from '../../vault/credentials.js';
import type { Departures } from '../state/departures.js';
import { signedOutMeanwhile } from '../state/failures.js';
import { newest, renewed } from '../state/generation.js';
import type { Holdings } from '../state/holdings.js';
import { patiently } from '../state/patience.js';
import type { RefreshNotes } from './refresh-notes.js';
import type { Unsaved } from './unsaved.js';

export interface SafekeepingParts {
  readonly counters: Counters;
  readonly clock: Clock;
  readonly log: Log;
  readonly vault: CredentialVault;
  readonly holdings: Holdings;
  readonly departures: Departures;
  readonly unsaved: Unsaved;
  readonly notes: RefreshNotes;
}

/**
 * What becomes of a renewal's outcome: saved, then held; or buried; or left to the sign-out. Whatever the user or another
 * window has done meanwhile is looked at again at each step, and a generation never goes back.
 */
export class Safekeeping {
  constructor(private readonly parts: SafekeepingParts) {}

  /**
   * The credential that is held under `key` by now; a sign-in, or news of another window, may have replaced it.
   * @throws BrokerError `sign_in_required` when the user has signed out
   */
  present(key: string): Credential {
    const held = this.parts.holdings.get(key);
    if (held === undefined) throw signedOutMeanwhile();
    return held.credential;
  }

  /**
   * What is stored now; a record that cannot be read says that the one in memory may be spent.
   * @throws BrokerError `sign_in_required` when it was removed, in whichever window; as `CredentialVault.get`
   */
  async reload(key: CredentialKey): Promise<Credential | undefined> {
    const { holdings, vault } = this.parts;
    const stored = await vault.get(key, 'certain');
    if (stored !== undefined || !(await vault.isRemoved(key))) return stored;
    holdings.remove(keyText(key));
    throw signedOutMeanwhile();
  }

  /**
   * Saves and holds what was granted for `asked`, be it no more than another refresh token.
   * @returns what is held afterwards, which is a sign-in's when that was faster
   * @throws BrokerError `sign_in_required` when the user has signed out meanwhile
   */
  async keep(
    asked: LiveCredential,
    granted: GrantedTokens | ExchangedLogin,
    lease: HeldLease,
  ): Promise<Credential> {
    const { clock, holdings, vault, log, notes } = this.parts;
    // Nothing but what has to be known stands between the answer and its saving: a crash here loses the grant.
    // Where it cannot be known whether the lease is held, it may not be; the grant is there all the same.
    if (!(await lease.isHeld().catch(() => false))) await this.#catchUp(asked);
    const present = holdings.get(keyText(keyOf(asked)))?.credential;
    const generation = Math.max(asked.generation, present?.generation ?? 0) + 1;
    const next = renewed(asked, granted, generation, clock.nowMs());
    if (present === undefined) {
      // Whoever has the next turn, before the sign-out has its own, must not find what has just been spent.
      await vault.remove(next);
      throw this.#giveBack(next);
    }
    // A sign-in or another window was faster; its tokens are the ones to use. A refusal is older than this grant.
    if (present.generation > asked.generation && isAlive(present)) {
      notes.overtaken();
      return present;
    }
    if ((await this.#save(next, asked.generation)) === 'overtaken') await this.#catchUp(asked);
    const isRenewed = 'accessToken' in granted;
    if (isRenewed) notes.ended('renewed', next);
    const now = await this.#install(next);
    if (now === undefined) throw this.#giveBack(next);
    if (isRenewed)
      log.info(`Renewed ${JSON.stringify(asked.account.label)} for ${JSON.stringify(asked.resource)}.`);
    return now;
  }

  /**
   * Takes the tokens of a refused credential away and remembers the account, unless what was refused has been
   * replaced meanwhile.
   * @returns what is held afterwards
   * @throws BrokerError `sign_in_required` when the user has signed out meanwhile; as `CredentialVault.get`
   */
  async bury(asked: LiveCredential, answer: Extract<TokenAnswer, { kind: 'refused' }>): Promise<Credential> {
    const { holdings, vault, clock, log, notes } = this.parts;
    const key = keyOf(asked);
    log.warn(
      `${JSON.stringify(asked.account.issuer)} refused to renew ${JSON.stringify(asked.account.label)}: ` +
        `${JSON.stringify(answer.error)} ${JSON.stringify(answer.description)}.`,
    );
    const current = newest(this.present(keyText(key)), await vault.get(key));
    if (succeeds(current, asked)) {
      // What was refused is not what is stored any more: another window or a sign-in has replaced it.
      notes.overtaken();
      holdings.take(current);
      return current;
    }
    if (answer.reason === 'client-gone') await vault.forgetClient(asked.client);
    const { signedInAtMs } = asked.tokens;
    const since = signedInAtMs === undefined ? {} : { signedInAtMs };
    const buried: Credential = {
      ...asked,
      generation: asked.generation + 1,
      tokens: { kind: 'refused', reason: answer.reason, refusedAtMs: clock.nowMs(), ...since },
    };
    // The user may sign out as soon as it is seen, and should still read why.
    notes.ended('refused', buried);
    await vault.put(buried, asked.generation).catch((error: unknown) => {
      log.error(`That the grant is dead could not be saved: ${describeError(error)}`);
    });
    const now = await this.#install(buried);
    if (now === undefined) throw signedOutMeanwhile();
    return now;
  }

  /**
   * Holds `next`, which has just been saved, unless the user signed in or out in that time.
   * @returns what is held now; undefined after a sign-out
   */
  async #install(next: Credential): Promise<Credential | undefined> {
    const { holdings, vault } = this.parts;
    const present = holdings.get(keyText(keyOf(next)))?.credential;
    if (present !== undefined && present.generation <= next.generation) {
      holdings.take(next);
      return next;
    }
    // Where leases cannot be kept, two changes were on their way, and nobody knows which came last.
    if (present === undefined) await vault.remove(next);
    else await this.#save(present, present.generation);
    return present;
  }

  /** This window was frozen while it asked, and another one has taken over: what has it done? */
  async #catchUp(asked: LiveCredential): Promise<void> {
    const { holdings, vault, log } = this.parts;
    try {
      const stored = await vault.get(keyOf(asked));
      if (stored !== undefined) holdings.take(stored, { kind: 'refreshing' });
      else if (await vault.isRemoved(keyOf(asked))) holdings.remove(keyText(keyOf(asked)));
    } catch (error) {
      log.warn(`What another window did cannot be read: ${describeError(error)}`);
    }
  }

  /**
   * The old refresh token may be spent, so what came in its place must outlive a save that fails: after a few
   * attempts it is used from memory, and offered again in the background. Until then the lease is kept, since every
   * other window would find the spent one.
   * @param renewedFrom - as `CredentialVault.put`
   */
  async #save(next: Credential, renewedFrom: number): Promise<'saved' | 'overtaken' | 'unsaved'> {
    const { counters, vault, clock, log, unsaved } = this.parts;
    const save = (before: number) => {
      if (before > 0) counters.add('saves.retried');
      return vault.put(next, renewedFrom);
    };
    const outcome = await patiently(clock, save, (error) => {
      log.error(`Saving a renewed credential failed: ${describeError(error)}`);
    }).catch(() => undefined);
    if (outcome !== undefined) {
      unsaved.settle(next);
      return outcome;
    }
    log.error("A renewed credential is only in this window's memory; saving it is tried again.");
    unsaved.add(next, renewedFrom);
    return 'unsaved';
  }

  /**
   * The user signed out while the renewal was under way, so what it brought is not kept. A sign-out of another window that
   * did not wait for this one has said nothing about the grant, which may be used elsewhere, so it is not revoked.
   */
  #giveBack(credential: LiveCredential): BrokerError {
    const { departures, log } = this.parts;
    if (!departures.leave(credential))
      log.info('A renewed credential is dropped: another window has signed out.');
    return signedOutMeanwhile();
  }
}

import { sameAccount, type Account } from '../core/account.js';
import { keyOf, keyText, type Credential } from '../core/credential.js';
import type { Audit } from '../core/audit.js';
import type { Counters } from '../core/counters.js';
import { BrokerError, describeError, hasCode } from '../core/errors.js';
import type { ServerId } from '../core/server.js';
import { keyOfEntry } from '../vault/index-entry.js';
import type { BoundServers } from './bound-servers.js';
import { Brake } from './brake.js';
import { cancelled, tooMany } from './failures.js';
import type { Holdings } from './holdings.js';
import type { KeptLeases } from './kept-leases.js';
import { PastedRedirect } from './pasted-redirect.js';
import { signIn, type SignInParts, type SignInWay } from './sign-in.js';
import type { StepUps } from './step-ups.js';

/** Nobody clicks faster than this and means it. */
const signInsPerMinute = 5;

export interface SignInsParts extends SignInParts {
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
}

/** The sign-ins that are under way in this window, one for each server at most. */
export class SignIns {
  readonly #running = new Map<ServerId, Running>();

  readonly #brake: Brake;

  constructor(private readonly parts: SignInsParts) {
    this.#brake = new Brake(parts.clock, signInsPerMinute, 60_000);
  }

  isUnderWay(id: ServerId): boolean {
    return this.#running.has(id);
  }

  /**
   * Signs in for `id` in the browser; a sign-in for it that is under way is given up for this one.
   * @param same - the only account that may come back; anybody when undefined
   * @throws BrokerError as `signIn` of sign-in.ts; `server_unknown`; `too_many_attempts`; `storage_locked`,
   *   `storage_unusable`
   */
  async signIn(id: ServerId, same: Account | undefined, way: SignInWay): Promise<Account> {
    const { servers, counters, audit, stepUps, closing, changed } = this.parts;
    const server = servers.get(id);
    if (!this.#brake.admits(id)) throw tooMany(this.#brake.opensAtMs(id));
    this.cancel(id);
    const running = { giveUp: new AbortController(), pasted: new PastedRedirect() };
    this.#running.set(id, running);
    changed();
    try {
      await this.#requireStorage();
      const account = await signIn(this.parts, {
        server,
        way,
        pasted: running.pasted,
        ...(same !== undefined && { account: same }),
        moreScopes: stepUps.wanted(id)?.scopes ?? [],
        keep: (credential) => this.#keep(id, credential, running),
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
    this.#running.get(id)?.giveUp.abort(cancelled());
  }

  /** Gives up those that `isStale` says something about. */
  cancelWhere(isStale: (id: ServerId) => boolean): void {
    for (const id of this.#running.keys()) if (isStale(id)) this.cancel(id);
  }

  /** Nobody is sent to a browser for what could not be kept. Another trouble may be over by then. */
  async #requireStorage(): Promise<void> {
    await this.parts.vault.open().catch((error: unknown) => {
      if (hasCode(error, 'storage_locked', 'storage_unusable')) throw error;
    });
  }

  /** Under the lease: a renewal of what this replaces finishes first, and its generation is counted. */
  async #keep(id: ServerId, fresh: Credential, running: Running): Promise<void> {
    const { leases, holdings, vault, servers, audit, log } = this.parts;
    const key = keyOf(fresh);
    const save = async () => {
      const held = holdings.get(keyText(key))?.credential.generation ?? 0;
      const next = { ...fresh, generation: Math.max(held, await vault.lastGeneration(key)) + 1 };
      await vault.put(next);
      return next;
    };
    const entry = { account: fresh.account, clientId: key.clientId, resource: key.resource };
    // The news of what is saved may be faster than the end of the saving.
    const credential = await servers.reserveFor(id, async () => {
      const saved = await leases.holdOrDoWithout(keyText(key), save);
      servers.bind(id, entry, 'signed-in');
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

  /**
   * What the same account was granted under an earlier registration of ours is not used any more. Removed, it tells the
   * windows that are bound to it to look for the account anew.
   */
  async #replaceOthers(credential: Credential): Promise<void> {
    const { leases, vault, log } = this.parts;
    const { account, client, resource } = credential;
    await vault.look();
    const others = vault
      .list()
      .filter((entry) => sameAccount(entry.account, account) && entry.resource === resource)
      .filter(({ clientId }) => clientId !== client.clientId);
    for (const key of others.map(keyOfEntry)) {
      try {
        await leases.hold(keyText(key), async () => {
          const other = await vault.get(key);
          if (other?.client.source === 'configured') return;
          const gone = { ...credential, client: { ...client, clientId: key.clientId }, generation: 1 };
          await vault.remove(other ?? gone);
        });
      } catch (error) {
        log.warn(`A credential of an earlier registration is left: ${describeError(error)}`);
      }
    }
  }
}

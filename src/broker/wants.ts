import { Announcer, type Disposable } from '../core/announcer.js';
import { keyOf, keyText } from '../core/credential.js';
import type { Clock } from '../core/ports.js';
import type { ServerId } from '../core/server.js';
import { needsUser } from '../core/state.js';
import { keyOfEntry } from '../vault/records/index-entry.js';
import type { BoundServers } from './servers/bound-servers.js';
import { stateOf, type Holdings } from './state/holdings.js';
import type { SignOuts } from './sign-in/sign-outs.js';
import type { StepUps } from './state/step-ups.js';

/** Something in this window needs the user to sign in for `server`, or to choose an account. */
export interface SignInWanted {
  readonly server: ServerId;
  /** The same for every call that meets the same failure, so that the user is asked once. */
  readonly cause: string;
  /** Whether a call waits for it just now: somebody wants something, rather than something having been noticed. */
  readonly isCall: boolean;
}

export interface WantsParts {
  readonly clock: Clock;
  readonly servers: BoundServers;
  readonly holdings: Holdings;
  readonly signOuts: SignOuts;
  readonly stepUps: StepUps;
  readonly onListenerError: (error: unknown) => void;
}

/** Says when something waits for the user to sign in: a call that asks for it, or a credential that has just come to need it. */
export class Wants implements Disposable {
  readonly #announcer: Announcer<SignInWanted>;
  /** The keys that were alive when last looked at: what dies from here on is news. */
  readonly #wasAlive = new Set<string>();

  constructor(private readonly parts: WantsParts) {
    this.#announcer = new Announcer(parts.onListenerError);
  }

  listen(listener: (wanted: SignInWanted) => void): Disposable {
    return this.#announcer.listen(listener);
  }

  /** Lets the user know that something waits for a sign-in. */
  want(id: ServerId, isCall: boolean): void {
    const { servers, holdings, signOuts, stepUps } = this.parts;
    const bound = servers.boundTo(id);
    const key = bound && keyText(keyOfEntry(bound));
    const held = key === undefined ? undefined : holdings.get(key);
    const without = servers.candidates(id).length > 0 ? 'undecided' : `signed-out ${signOuts.countOf(id)}`;
    const stepUp = stepUps.wanted(id)?.missing;
    const asIs = key === undefined || held === undefined ? without : `${key} ${held.credential.generation}`;
    const client =
      held?.activity.kind === 'retrying' && held.activity.code === 'client_refused' ? ' client' : '';
    const cause = stepUp === undefined ? `${asIs}${client}` : `${asIs} ${JSON.stringify(stepUp)}`;
    this.#announcer.announce({ server: id, cause, isCall });
  }

  /** To be called after every change of what is held under `key`, when the change itself has been announced. */
  look(key: string): void {
    const { clock, servers, holdings } = this.parts;
    const held = holdings.get(key);
    const state = held === undefined ? undefined : stateOf(held, clock.nowMs());
    // How a renewal ends is not known yet.
    if (state?.kind === 'refreshing') return;
    const isDead = held !== undefined && state !== undefined && needsUser(state);
    const hasDied = isDead && this.#wasAlive.has(key);
    if (held === undefined || isDead) this.#wasAlive.delete(key);
    else this.#wasAlive.add(key);
    if (!hasDied) return;
    const { account } = held.credential;
    for (const { id } of servers.using({ ...keyOf(held.credential), account })) this.want(id, false);
  }

  dispose(): void {
    this.#announcer.dispose();
  }
}

import type { Disposable } from '../core/announcer.js';
import { isSameIssuer } from '../core/address.js';
import { keyText, type Credential } from '../core/credential.js';
import type { Lock } from '../core/lock.js';
import type { Clock } from '../core/ports.js';
import type { Server, ServerId } from '../core/server.js';
import { isSignedIn, needsUser, type CredentialState } from '../core/state.js';
import { until } from '../core/waiting.js';
import { keyOfEntry } from '../vault/records/index-entry.js';
import type { BoundServers } from './servers/bound-servers.js';
import type { Clients } from './sign-in/clients.js';
import { stateOf, type Holdings } from './state/holdings.js';
import type { Issuers } from './state/issuers.js';
import type { Loader } from './servers/loader.js';
import type { SignIns } from './sign-in/sign-ins.js';
import type { Wants } from './wants.js';

export interface ReadinessParts {
  readonly clock: Clock;
  /** What the storage may be behind. */
  readonly lock: Lock;
  readonly servers: BoundServers;
  readonly loader: Pick<Loader, 'isLocked'>;
  readonly signIns: Pick<SignIns, 'isUnderWay'>;
  readonly holdings: Holdings;
  readonly issuers: Pick<Issuers, 'missingTexts' | 'audienceless'>;
  readonly clients: Pick<Clients, 'isLackingFor'>;
  readonly wants: Wants;
  readonly onDidChange: (listener: () => void) => Disposable;
}

/** Whether a server can be called, waiting until it can, and letting the user know when only they can help. */
export class Readiness {
  constructor(private readonly parts: ReadinessParts) {}

  /** What is to be shown about `id` now. */
  state(id: ServerId): CredentialState {
    const { clock, servers, loader, signIns, holdings, clients } = this.parts;
    const bound = servers.boundTo(id);
    if (loader.isLocked) return { kind: 'locked' };
    if (signIns.isUnderWay(id)) return { kind: 'signing-in', ...(bound && { account: bound.account }) };
    const held = bound && holdings.get(keyText(keyOfEntry(bound)));
    const server = servers.all().find((one) => one.id === id);
    if (held !== undefined)
      return stateOf(held, clock.nowMs(), this.#missing(held.credential, bound?.missing, server));
    const mustChoose = servers.candidates(id).length > 0;
    const lacksClient = !mustChoose && server !== undefined && clients.isLackingFor(server);
    return { kind: 'signed-out', ...(mustChoose && { mustChoose }), ...(lacksClient && { lacksClient }) };
  }

  /**
   * What a server needs and `credential` does not cover, in words.
   * @param found - what was found missing when somebody signed in for it
   */
  #missing(credential: Credential, found: readonly string[] = [], server?: Server): readonly string[] {
    const { issuers } = this.parts;
    const { issuer } = credential.account;
    // A sign-in for another server may have been granted less. Elsewhere a scope may be granted by another name.
    const isShared = issuers.audienceless(issuer) !== undefined && isSameIssuer(issuer, credential.resource);
    const named = isShared ? (server?.auth.scopes ?? []) : [];
    return issuers.missingTexts(credential, [...found, ...named]);
  }

  /** As `TokenSource.signedIn`. */
  async signedIn(id: ServerId, signal: AbortSignal, manner?: 'quietly'): Promise<void> {
    const { lock, loader, servers, wants, onDidChange } = this.parts;
    const isAsking = manner !== 'quietly';
    let hasAsked = false;
    let hasNeededUser = false;
    const isIn = () => {
      const state = this.state(id);
      hasNeededUser ||= needsUser(state);
      // Another attempt with a client that was refused says nothing before it has ended.
      const isOpen = needsUser(state) || (hasNeededUser && state.kind === 'refreshing');
      if (isSignedIn(state) && !isOpen) return true;
      if (isAsking && !hasAsked && !loader.isLocked) {
        hasAsked = true;
        wants.want(id, true);
      }
      return false;
    };
    if (isAsking && !signal.aborted && loader.isLocked) lock.ask(true);
    await until(onDidChange, () => !servers.has(id) || isIn(), signal);
    // Nobody can sign in any more for what is taken out of the settings.
    servers.get(id);
  }

  /** Lets the user know that a start found nobody signed in, or the lock closed; asked about once for each cause. */
  wantSignIn(id: ServerId): void {
    const { lock, loader, wants } = this.parts;
    if (loader.isLocked) lock.ask(false);
    else wants.want(id, false);
  }
}

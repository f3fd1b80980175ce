import { Spending } from '../../src/broker/spending.js';
import { KeptLeases } from '../../src/broker/kept-leases.js';
import { Safekeeping } from '../../src/broker/safekeeping.js';
import { CredentialVault } from '../../src/vault/credentials.js';

/** Ways to break the broker, each of which a month has to find. */
const mutations = {
  /** A window that has its turn does not look at what others have saved meanwhile. */
  'skip-reload': () => replace(Safekeeping.prototype, 'reload', () => () => Promise.resolve(undefined)),

  /** The access token is given out at once, and the refresh token beside it is saved a little later. */
  'save-after-use': () =>
    replace(
      CredentialVault.prototype,
      'put',
      (put) =>
        function (this: CredentialVault, credential, renewedFrom) {
          if (credential.generation === 1) return put.call(this, credential, renewedFrom);
          this['parts'].clock.after(2_000, () => {
            put.call(this, credential, renewedFrom).catch(() => undefined);
          });
          return Promise.resolve('saved' as const);
        },
    ),

  /** A window that could not save what came lets the others have their turn. */
  'give-back-unsaved': () => replace(KeptLeases.prototype, 'keep', () => () => undefined),

  /** A status that may pass is taken for a refusal, and what was renewed with is buried. */
  'delete-on-503': () =>
    replace(
      Spending.prototype,
      'ask',
      (ask) =>
        async function (this: Spending, ...asked) {
          const answer = await ask.apply(this, asked);
          const isTrouble = answer.kind === 'unavailable' && answer.error.details['status'] === 503;
          return isTrouble ? { kind: 'refused', reason: 'refused', error: '', description: '' } : answer;
        },
    ),
} as const;

export type Mutation = keyof typeof mutations;

export const mutationNames = Object.keys(mutations) as readonly Mutation[];

/** @returns what mends it */
export const plant = (mutation: Mutation): (() => void) => mutations[mutation]();

function replace<T extends object, K extends keyof T>(owner: T, name: K, change: (original: T[K]) => T[K]) {
  const original = owner[name];
  owner[name] = change(original);
  return () => {
    owner[name] = original;
  };
}

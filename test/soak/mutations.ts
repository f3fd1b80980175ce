import { isAlive, keyText } from '../../src/core/credential.js';
import { revokeGrant } from '../../src/oauth/revocation.js';
import { keyOfEntry } from '../../src/vault/records/index-entry.js';
import { BoundServers } from '../../src/broker/servers/bound-servers.js';
import {
  SignOuts,
  type SignOutExtent,
  type SignOutResult,
  type SignOutsParts,
} from '../../src/broker/sign-in/sign-outs.js';
import { Spending } from '../../src/broker/refresh/spending.js';
import { KeptLeases } from '../../src/broker/state/kept-leases.js';
import { Safekeeping } from '../../src/broker/refresh/safekeeping.js';
import { CredentialVault } from '../../src/vault/credentials.js';
import type { Bound } from '../../src/vault/ledgers/bindings.js';

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

  /** A window forgets what its last server has left to those of other workspaces, also while it renews it. */
  'forget-what-is-left': () =>
    replaceSignOut(async ({ bound, extent, parts: { servers, holdings } }, signOut) => {
      const result = await signOut(extent);
      const isLast = bound !== undefined && servers.using(bound).length === 0;
      if (result === 'left' && isLast) holdings.remove(keyText(keyOfEntry(bound)));
      return result;
    }),

  /** A server that is signed out takes the credential from those of other workspaces. */
  'take-from-others': () =>
    replace(BoundServers.prototype, 'areOthersUsing', () => () => Promise.resolve(false)),

  /** What the last server leaves stays, for nobody. */
  'leave-to-nobody': () =>
    replace(BoundServers.prototype, 'areOthersUsing', () => () => Promise.resolve(true)),

  /** A server that is signed out takes those of its own window along. */
  'take-neighbours': () =>
    replaceSignOut(async ({ bound, extent, parts: { servers } }, signOut) => {
      const isElsewhere = bound !== undefined && (await servers.areOthersUsing(bound));
      return signOut(extent === 'server' && !isElsewhere ? 'account' : extent);
    }),

  /** What a renewal brings to a sign-out ends at the issuer, also where the grant is to stay there. */
  'end-what-is-to-stay': () =>
    replaceSignOut(({ bound, extent, parts: { holdings } }, signOut) => {
      const held = bound && holdings.get(keyText(keyOfEntry(bound)));
      const isRenewing = held?.activity.kind === 'refreshing';
      return signOut(extent === 'account' && isRenewing ? 'grant' : extent);
    }),

  /** A sign-out that is told late to the issuer ends what a sign-in has brought meanwhile. */
  'end-what-came-since': () =>
    replaceSignOut(async ({ bound, extent, parts: { vault, fetch, issuers } }, signOut) => {
      const result = await signOut(extent);
      const late = async () => {
        const stored = bound && (await vault.get(keyOfEntry(bound)));
        if (stored === undefined || !isAlive(stored)) return;
        const { account, resource } = stored;
        await revokeGrant(fetch, await issuers.metadata(account.issuer, resource), stored);
      };
      if (result === 'revoked')
        vault['parts'].clock.after(1_800_000, () => void late().catch(() => undefined));
      return result;
    }),
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

/** A sign-out that somebody asks for. */
interface AskedSignOut {
  /** What the server used until then. */
  readonly bound: Bound | undefined;
  readonly extent: SignOutExtent;
  /** What the window's sign-outs are made of. */
  readonly parts: SignOutsParts;
}

/** @param change - does the sign-out, or another one, and what it likes besides */
function replaceSignOut(
  change: (
    asked: AskedSignOut,
    signOut: (extent: SignOutExtent) => Promise<SignOutResult>,
  ) => Promise<SignOutResult>,
) {
  return replace(
    SignOuts.prototype,
    'signOut',
    (signOut) =>
      function (this: SignOuts, id, extent) {
        const parts = this['parts'];
        const bound = parts.servers.boundTo(id);
        return change({ bound, extent, parts }, (instead) => signOut.call(this, id, instead));
      },
  );
}

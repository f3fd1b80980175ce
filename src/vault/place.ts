import { BrokerError } from '../core/errors.js';
import type { Journal } from '../core/journal.js';
import type { HeldLease, Leases } from '../core/lease.js';
import type { Ledger, Ledgers } from '../core/ledger.js';
import type { SecretStore } from '../core/ports.js';
import { memoryJournal, memorySecrets, OwnLeases } from './secrets/in-memory.js';
import { MemoryLedger } from './ledgers/memory-ledger.js';

/** All that a backend consists of. */
export interface Place {
  /** Says which it is, in the same words in every window. */
  readonly identity: string;
  readonly secrets: SecretStore;
  readonly journal: Journal;
  readonly leases: Leases;
  readonly ledgers: Ledgers;
}

/** A place of which nothing is left when the window is gone. */
export function memoryPlace(): Place {
  return {
    identity: 'memory',
    secrets: memorySecrets(),
    journal: memoryJournal(),
    leases: new OwnLeases(),
    ledgers: { sessions: new MemoryLedger(), bindings: new MemoryLedger() },
  };
}

/** A window may keep a lease for as long as it cannot save, and nobody who moves waits for ever. */
const patienceMs = 2 * 60_000;

/** The text in a place's journal that says which place is in use. */
const stampName = 'storage';

/** Says to all windows that work in `place` that from now on `identity` is in use. */
export async function stamp(place: Pick<Place, 'journal'>, identity: string): Promise<void> {
  await place.journal.write(stampName, identity);
}

/** Which place is in use, as far as `place` has been told; undefined when nothing was ever moved. */
export function readStamp(place: Place): Promise<string | undefined> {
  return place.journal.read(stampName);
}

/**
 * Says to all windows that work in `place` that what they know was deleted: whatever they would store from now on would
 * bring it back.
 */
export async function stampDeleted(place: Pick<Place, 'journal'>): Promise<void> {
  await stamp(place, `deleted ${crypto.randomUUID()}`);
}

/** Removes everything from the journal of `place` but what it says about places. */
export async function clearJournal({ journal }: Pick<Place, 'journal'>): Promise<void> {
  for (const name of await journal.names()) if (name !== stampName) await journal.remove(name);
}

/**
 * Leases that are not given any more once another window has moved the credentials away, or deleted them: whatever
 * is renewed here from then on would not be seen there, or would be back.
 * @param before - the stamp when this window began
 */
export function leasesUntilMoved(place: Place, before: string | undefined): Leases {
  return {
    hold: <T>(name: string, work: (lease: HeldLease) => Promise<T>, patienceMs?: number): Promise<T> => {
      const unlessMoved = async (lease: HeldLease): Promise<T> => {
        const now = await readStamp(place).catch(() => before);
        if (now !== before && now !== place.identity)
          throw new BrokerError(
            'record_elsewhere',
            'The credentials have been moved or deleted; this window is to be reloaded.',
          );
        return work(lease);
      };
      return place.leases.hold(name, unlessMoved, patienceMs);
    },
  };
}

/**
 * Holds the leases of that name in both places, in the same order in every window, so that no two wait for each
 * other.
 * @throws BrokerError `renewed_elsewhere` when another window does not give one of them back for two minutes
 */
export function holdBoth<T>(a: Place, b: Place, name: string, work: () => Promise<T>): Promise<T> {
  if (a.leases === b.leases) return a.leases.hold(name, work, patienceMs);
  const [first, second] = a.identity < b.identity ? [a, b] : [b, a];
  return first.leases.hold(name, () => second.leases.hold(name, work, patienceMs), patienceMs);
}

/** The parts of a place that is found out only later. Each operation waits for it, and fails as `found` does. */
export function placeFoundLater(found: {
  /** The place with everything in it. */
  readonly open: () => Promise<Place>;
  /** Its files, which are not behind its lock. */
  readonly files: () => Promise<Pick<Place, 'journal' | 'leases' | 'ledgers'>>;
  /** Settles when the lock, if there is one, has been opened. */
  readonly whenOpen: () => Promise<Place>;
}): Pick<Place, 'secrets' | 'journal' | 'leases' | 'ledgers'> {
  const secrets = async () => (await found.open()).secrets;
  const journal = async () => (await found.files()).journal;
  const ledger = (which: keyof Ledgers): Ledger => {
    const get = async () => (await found.files()).ledgers[which];
    return {
      load: async () => (await get()).load(),
      append: async (lines) => (await get()).append(lines),
      fold: async (keep) => (await get()).fold(keep),
    };
  };
  return {
    secrets: {
      get: async (key) => (await secrets()).get(key),
      store: async (key, value) => (await secrets()).store(key, value),
      delete: async (key) => (await secrets()).delete(key),
    },
    journal: {
      names: async () => (await journal()).names(),
      read: async (name) => (await journal()).read(name),
      write: async (name, text) => (await journal()).write(name, text),
      remove: async (name) => (await journal()).remove(name),
      watch: (listener) => {
        let isDisposed = false;
        let watching = { dispose: (): void => undefined };
        found.whenOpen().then(
          (place) => {
            if (!isDisposed) watching = place.journal.watch(listener);
          },
          () => undefined,
        );
        return {
          dispose: () => {
            isDisposed = true;
            watching.dispose();
          },
        };
      },
    },
    leases: { hold: async (...asked) => (await found.files()).leases.hold(...asked) },
    ledgers: { sessions: ledger('sessions'), bindings: ledger('bindings') },
  };
}

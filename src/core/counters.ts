import type { StorageCondition } from './storage.js';

/** What is counted, for the status, the diagnostics and whoever watches from outside. Counts only go up. */
export const counterNames = [
  /** Renewals that brought new tokens. */
  'refreshes.renewed',
  /** Renewals that the issuer refused for good. */
  'refreshes.refused',
  /** Renewals to which there was no usable answer. */
  'refreshes.unavailable',
  /** Renewals that were not needed any more: another window, or a sign-in, was faster. */
  'refreshes.overtaken',
  /** Renewals that the storm brake held back. */
  'refreshes.braked',
  /** Renewals that found no place in the queue. */
  'refreshes.rejected',
  /** Saves of renewed tokens that had to be tried again. */
  'saves.retried',
  'signIns.completed',
  'signIns.failed',
  /** Restored credentials that were looked at after the start. */
  'recovery.checked',
  /** Requests made for that. */
  'recovery.attempts',
  /** Those that turned out to be good, and those that were renewed because they were not. */
  'recovery.confirmed',
  'recovery.renewed',
  /** Times that a window waited because another one held the lease. */
  'leases.waited',
  /** Leases taken over from a window that had died or stood still. */
  'leases.takenOver',
  /** Stored entries that could not be read and were set aside. */
  'storage.quarantined',
  /** Operations of the storage that failed. */
  'storage.failures',
  /** Audit records that could not be written. */
  'audit.failures',
] as const;

/** What is measured: its value now. */
export const gaugeNames = [
  /** Renewals that run, and those that wait for their turn. */
  'refreshes.running',
  'refreshes.queued',
  /** Credentials whose newest tokens are only in this window's memory. */
  'saves.pending',
  /** Credentials that this window holds. */
  'credentials.held',
  /** When the background service looks again, in milliseconds since the epoch; 0 while it has nothing to look after. */
  'background.wakesAtMs',
] as const;

/** What is in one of a few conditions: the word for it now. */
export interface Conditions {
  /** `idle` while there is nothing to look after, `paused` while the network is down. */
  readonly 'background.service': 'idle' | 'running' | 'paused' | 'ended';
  readonly 'storage.condition': StorageCondition['kind'];
}

export type Counter = (typeof counterNames)[number];
export type Gauge = (typeof gaugeNames)[number];

/** The one place where a window counts. */
export class Counters {
  readonly #values = new Map<Counter | Gauge, number>(
    [...counterNames, ...gaugeNames].map((name) => [name, 0]),
  );

  #conditions: Conditions = { 'background.service': 'idle', 'storage.condition': 'opening' };

  /** The condition of everything that has one. */
  get conditions(): Conditions {
    return this.#conditions;
  }

  note<Name extends keyof Conditions>(name: Name, condition: Conditions[Name]): void {
    this.#conditions = { ...this.#conditions, [name]: condition };
  }

  add(name: Counter): void {
    this.#values.set(name, this.get(name) + 1);
  }

  set(name: Gauge, value: number): void {
    this.#values.set(name, value);
  }

  get(name: Counter | Gauge): number {
    return this.#values.get(name) ?? 0;
  }

  /** Every name with its value, in the order in which they are declared. */
  entries(): readonly (readonly [Counter | Gauge, number])[] {
    return [...this.#values];
  }
}

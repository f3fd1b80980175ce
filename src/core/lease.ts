/** The right to refresh one credential, held by one window at a time. */
export interface HeldLease {
  /**
   * Whether the right is still ours. To be asked right before something that cannot be taken back: a window that was
   * frozen may have been given up for dead meanwhile.
   */
  isHeld(): Promise<boolean>;
}

/** Coordinates the windows of one computer. */
export interface Leases {
  /**
   * Runs `work` while no other window holds the lease on `name`, and gives the lease back when `work` has settled.
   * Waits for its turn; a holder that has died or does not move is replaced.
   * Where leases cannot be kept at all, `work` runs without one: the generations in the vault still keep it safe.
   * @param patienceMs - for how long it waits for a holder that moves; for ever when undefined
   * @throws BrokerError `renewed_elsewhere` when that is over
   */
  hold<T>(name: string, work: (lease: HeldLease) => Promise<T>, patienceMs?: number): Promise<T>;
}

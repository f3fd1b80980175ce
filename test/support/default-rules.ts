import type { BrokerRules } from '../../src/broker/broker-parts.js';

const dayMs = 24 * 3_600_000;

/** The rules of a user who has changed none. */
export const defaultRules: BrokerRules = {
  refreshLeadMs: () => 15 * 60_000,
  sessionsKeepMs: () => 30 * dayMs,
  sessionsKeepCount: () => 10_000,
  bindingsKeepMs: () => 180 * dayMs,
  removeDeadAfterMs: () => 90 * dayMs,
  issuerQuirks: () => [],
  clientMetadataUrl: () => '',
};

import assert from 'node:assert/strict';
import { BrokerError, type ErrorCode } from '../../src/core/errors.js';

/** @returns what `work` gives, or undefined when it fails with one of `codes`. @throws whatever else it fails with */
export async function resultOf<T>(work: () => T | Promise<T>, ...codes: ErrorCode[]): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`);
    return undefined;
  }
}

/** The rule for every address that is talked to or opened, in other words than those of the code under test. */
export function assertSafeAddress(address: string): void {
  const { protocol, hostname, username, password } = new URL(address);
  const isHere = hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
  assert.ok(protocol === 'https:' || (protocol === 'http:' && isHere), address);
  assert.equal(username + password, '', address);
}

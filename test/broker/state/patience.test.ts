import assert from 'node:assert/strict';
import { patiently, readPatiently } from '../../../src/broker/state/patience.js';
import type { CredentialKey } from '../../../src/core/credential.js';
import { BrokerError, hasCode, type ErrorCode } from '../../../src/core/errors.js';
import type { Clock } from '../../../src/core/ports.js';
import type { CredentialVault } from '../../../src/vault/credentials.js';

describe('what the storage fails at for a moment', () => {
  let waitsMs: number[];
  /** On which every wait is over at once. */
  const clock: Clock = {
    nowMs: () => 0,
    after: (delayMs, run) => {
      waitsMs.push(delayMs);
      queueMicrotask(run);
      return { dispose: () => undefined };
    },
  };
  beforeEach(() => {
    waitsMs = [];
  });

  const locked = new Error('The keyring is locked.');
  const coded = (code: ErrorCode) => new BrokerError(code, 'No.');

  const rows: readonly [string, number, Error, readonly number[]][] = [
    ['is done at once when it does not fail', 0, locked, []],
    ['is done after one failure', 1, locked, [200]],
    ['is done after three', 3, coded('vault_write_failed'), [200, 1_000, 3_000]],
  ];
  for (const [title, times, error, expectedMs] of rows)
    it(title, async () => {
      const failures: unknown[] = [];
      const attempt = (before: number) => (before < times ? Promise.reject(error) : Promise.resolve(before));
      assert.equal(await patiently(clock, attempt, (failure) => failures.push(failure)), times);
      assert.deepEqual([failures.length, waitsMs], [times, expectedMs]);
    });

  it('fails as it did last when it goes on failing', async () => {
    const attempt = (before: number) => Promise.reject(new Error(`Attempt ${before}`));
    await assert.rejects(patiently(clock, attempt), /Attempt 3/);
    assert.equal(waitsMs.length, 3);
  });

  for (const code of ['storage_locked', 'record_elsewhere'] as const)
    it(`fails at once where waiting does not help: ${code}`, async () => {
      const result = patiently(clock, () => Promise.reject(coded(code)));
      await assert.rejects(result, (error) => hasCode(error, code));
      assert.deepEqual(waitsMs, []);
    });

  it('is told with a code where it cannot be read', async () => {
    const vault = { get: () => Promise.reject(locked) } as unknown as CredentialVault;
    const reading = readPatiently({ clock, vault }, {} as CredentialKey);
    await assert.rejects(reading, (error) => hasCode(error, 'vault_write_failed') && error.cause === locked);
  });
});

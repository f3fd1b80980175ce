import assert from 'node:assert/strict';
import { ours } from '../probes/ours.js';
import { probes, run } from '../probes/probes.js';

describe('what the official conformance suite does not ask', () => {
  for (const probe of probes) {
    it(`${probe.name}: ${probe.wanted}`, async function () {
      this.timeout(15_000);
      assert.ok((await run(probe, ours)).hasPassed);
    });
  }
});

import assert from 'node:assert/strict';
import { Month } from './month.js';
import { mutationNames } from './mutations.js';

const short = { days: 1, windows: 4, credentials: 6, haste: 4, stopsAtViolation: true };
const seeds = Array.from({ length: 16 }, (_, n) => n + 1);

/** Some days with few windows; `npm run test:soak` takes the whole month. */
describe('some days in which everything goes wrong', () => {
  it('cost nobody a credential or a needless sign-in, and are the same for the same seed', async () => {
    const one = await Month.run({ ...short, seed: 1 });
    const again = await Month.run({ ...short, seed: 1 });
    assert.deepEqual(one.violations, []);
    assert.ok((one.counts.get('renewals at the issuers') ?? 0) > 30);
    assert.deepEqual([...again.counts], [...one.counts]);
  }).timeout(30_000);

  for (const mutation of mutationNames) {
    it(`find out a broker with the mutation ${mutation}`, async () => {
      for (const seed of seeds) {
        const { violations } = await Month.run({ ...short, seed, mutation });
        if (violations.length > 0) return;
      }
      assert.fail('Nobody has noticed.');
    }).timeout(60_000);
  }
});

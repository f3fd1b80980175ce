import assert from 'node:assert/strict';
import { LockstepRig, passed } from '../support/lockstep-rig.js';
import { readRecordings } from './recordings/recording.js';

/** What real clients and servers once said to each other, said again: directly, and with the proxy in between. */
describe('a recorded conversation', () => {
  const rig = new LockstepRig();

  beforeEach(() => rig.open());
  afterEach(() => rig.close());

  for (const { name, deeds } of readRecordings()) {
    it(`is the same through the proxy, deed by deed and byte by byte: ${name}`, async function () {
      this.timeout(30_000);
      const direct = await rig.directly(deeds);
      assert.ok(direct.some(({ sees }) => sees === 'bytes'));
      assert.deepEqual(await rig.through(deeds), passed(direct, deeds));
    });
  }
});

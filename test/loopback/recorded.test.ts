import assert from 'node:assert/strict';
import { LockstepRig, passed } from '../support/lockstep-rig.js';
import { readRecordings } from './recordings/recording.js';

/** What real clients and servers once said to each other, said again: directly, and with the proxy in between. */
describe('a recorded conversation', () => {
  const rig = new LockstepRig();
  const recordings = readRecordings();

  beforeEach(() => rig.open());
  afterEach(() => rig.close());

  it('is there of the editor, of the official client on both wires, and of a peer', () => {
    assert.deepEqual(
      recordings.map(({ name }) => name),
      ['editor', 'mcp-remote', 'official-stateful', 'official-stateless'],
    );
  });

  for (const { name, deeds } of recordings) {
    it(`is the same through the proxy, deed by deed and byte by byte: ${name}`, async function () {
      this.timeout(30_000);
      const direct = await rig.directly(deeds);
      assert.deepEqual(await rig.through(deeds), passed(direct, deeds));
    });

    it(`tells nothing of the computer on which it was made: ${name}`, () => {
      const text = deeds
        .flatMap((deed) => [
          ...('headers' in deed ? deed.headers : []),
          ...('pieces' in deed ? deed.pieces.map(String) : []),
          ...('piece' in deed ? [String(deed.piece)] : []),
        ])
        .join('\n');
      assert.doesNotMatch(text, /authorization|bearer|cookie/i);
      assert.doesNotMatch(text, /\/(?:tmp|home|root|Users|var)\b|[A-Z]:\\/);
      assert.doesNotMatch(text, /:(?!0+\b)\d{4,5}\b/, 'A port.');
      assert.doesNotMatch(text, /(?!00000000-)[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/, 'A random name.');
    });
  }
});

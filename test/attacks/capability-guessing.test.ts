import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import type { ServerId } from '../../src/core/server.js';
import { rawRequest } from '../support/raw-request.js';
import { useProxy } from '../support/proxy-rig.js';

/**
 * How long an answer takes tells nothing when the work is the same for every guess. Measuring that needs a quiet
 * machine, so the work itself is looked at.
 */
describe('guessing the capability', () => {
  const rig = useProxy();

  /** The lengths of what was compared while `act` ran. */
  async function compared(act: () => Promise<unknown>): Promise<readonly (readonly [number, number])[]> {
    const lengths: (readonly [number, number])[] = [];
    const { timingSafeEqual } = crypto;
    crypto.timingSafeEqual = (a, b) => {
      lengths.push([a.byteLength, b.byteLength]);
      return timingSafeEqual(a, b);
    };
    syncBuiltinESMExports();
    try {
      await act();
    } finally {
      crypto.timingSafeEqual = timingSafeEqual;
      syncBuiltinESMExports();
    }
    return lengths;
  }

  it('is answered after the same comparison, of equally many bytes, however near the guess is', async () => {
    const { url, capability } = rig.proxy.endpoint(rig.id) ?? assert.fail();
    const right = capability.reveal();
    const guesses = [
      undefined,
      '',
      'Bearer ',
      `Bearer ${right.slice(0, 1)}`,
      `Bearer ${right.slice(0, -1)}`,
      `Bearer ${right.slice(0, -1)}_`,
      `Bearer ${right}`,
      `Bearer ${right}x`,
      `Bearer ${right}${'x'.repeat(20_000)}`,
      `Bearer ${right.slice(0, -1)}${String.fromCharCode((right.codePointAt(42) ?? 0) + 0x80)}`,
      `Bearer ${'\u00e9'.repeat(43)}`,
    ];
    for (const authorization of guesses) {
      const headers =
        authorization === undefined ? {} : { authorization: Buffer.from(authorization).toString('latin1') };
      let status: number | undefined;
      const lengths = await compared(async () => {
        ({ status } = await rawRequest(url, { headers, body: '{}' }));
      });
      assert.equal(status === 404, authorization !== `Bearer ${right}`);
      assert.deepEqual(lengths, [[64, 64]], String(authorization).slice(0, 60));
    }
  });

  it('is answered after the same comparison where there is nothing to be guessed', async () => {
    const { url, capability } = rig.proxy.endpoint(rig.id) ?? assert.fail();
    const headers = { authorization: `Bearer ${capability.reveal()}` };
    const nowhere = new URL('/mcp/bm9ib2R5', url).href;
    let answer: unknown;
    const lengths = await compared(async () => {
      answer = await rawRequest(nowhere, { headers, body: '{}' });
    });
    assert.deepEqual(lengths, [[64, 64]]);
    assert.equal((answer as { status: number }).status, 404);
  });

  it('has 256 random bits to find, others for each server and window, and new ones for a server that comes back', () => {
    const other = 'other' as ServerId;
    const server = { id: rig.id, url: rig.url, auth: {} };
    const found = new Set<string>();
    for (const servers of [[server], [server, { ...server, id: other }], [], [server]]) {
      rig.proxy.setServers(servers);
      for (const { id } of servers) found.add(rig.proxy.endpoint(id)?.capability.reveal() ?? '');
    }
    assert.equal(found.size, 3);
    for (const capability of found) assert.equal(Buffer.from(capability, 'base64url').length, 32);
  });
});

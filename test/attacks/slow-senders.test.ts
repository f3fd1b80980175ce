import assert from 'node:assert/strict';
import { useProxy } from '../support/proxy-rig.js';
import { converse, statusesIn } from '../support/raw-socket.js';

/** Slowloris: connections that are kept busy with as little as possible, so that nobody else gets one. */
describe('a caller who sends slowly', () => {
  const rig = useProxy();

  const dribbleMs = 200;

  it('is cut off within seconds, without a word, and others are served meanwhile', async function () {
    this.timeout(30_000);
    const { url, capability } = rig.proxy.endpoint(rig.id) ?? assert.fail();
    const { pathname, host } = new URL(url);
    const begun = `POST ${pathname} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${capability.reveal()}\r\n`;
    const beginnings = ['', 'P', begun, `${begun}X-Slow: `];
    const slow = Array.from({ length: 50 }, (_, at) => converse(url, beginnings[at % beginnings.length]));
    // Half of them say nothing more, the others one letter at a time.
    const dribble = setInterval(() => {
      for (const [at, { socket }] of slow.entries()) if (at % 8 > 3 && socket.writable) socket.write('X');
    }, dribbleMs);
    try {
      assert.equal((await rig.send()).status, 200);
      for (const { said } of slow) assert.deepEqual(statusesIn(await said), []);
    } finally {
      clearInterval(dribble);
    }
    assert.equal(rig.seen.length, 1);
    assert.equal((await rig.send()).status, 200);
  });

  it('is not waited for when it has no capability: its body is not read', async () => {
    const { url } = rig.proxy.endpoint(rig.id) ?? assert.fail();
    const { pathname, host } = new URL(url);
    const head = `POST ${pathname} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000000\r\n\r\n`;
    const { said } = converse(url, head);
    assert.deepEqual(statusesIn(await said), [404]);
  });
});

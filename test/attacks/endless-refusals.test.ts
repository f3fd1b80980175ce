import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { errorIn, settled, toolCall } from '../support/proxy-rig.js';
import { useRemembered } from '../support/remembered-rig.js';

/** More than is on its way in the buffers of two sockets. */
const readMegabytes = 32;

describe('attack: an answer without an end, in which nobody is interested', () => {
  const rig = useRemembered();
  let sent = 0;
  let open = 0;

  /** Sends without an end, as fast as it is taken. */
  function pour(res: ServerResponse): void {
    const block = Buffer.alloc(65_536, ' ');
    open++;
    res.on('close', () => open--);
    const next = () => {
      if (res.destroyed) return;
      sent += block.length;
      res.write(block, () => setImmediate(next));
    };
    next();
  }

  beforeEach(() => {
    [sent, open] = [0, 0];
  });

  async function isLeft(): Promise<void> {
    await settled(() => open === 0);
    assert.equal(open, 0, 'The connection has ended.');
    assert.ok(sent < readMegabytes * 1_048_576, `${Math.round(sent / 1_048_576)} MB were read.`);
  }

  for (const [status, headers] of [
    [401, {}],
    [307, { location: '/mcp/next' }],
  ] as const) {
    it(`is not read, when its status is ${status} and the next answer counts`, async () => {
      let asked = 0;
      rig.handle = (_req, res) => {
        if (asked++ === 0) pour(res.writeHead(status, headers));
        else res.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
      };
      assert.equal((await rig.send(toolCall)).text, '{"ok":true}');
      await isLeft();
    });
  }

  it('is not read, when it refuses every token', async () => {
    rig.handle = (_req, res) => pour(res.writeHead(401));
    assert.equal(errorIn(await rig.send(toolCall)), 'result');
    await isLeft();
  });

  it('is not read, when it was to open a session', async () => {
    await rig.learn();
    rig.signOut();
    const inSession = await rig.beginLocally();
    rig.handle = (_req, res) => pour(res.writeHead(200, { 'content-type': 'application/json' }));
    rig.signIn();
    assert.equal(errorIn(await rig.send(toolCall, inSession)), 'result');
    await isLeft();
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { listen, type PortListener } from '../../../src/loopback/http/listener.js';

describe('a listener', () => {
  let listener: PortListener;
  let sockets: Socket[];
  beforeEach(async () => {
    sockets = [];
    listener = await listen((request, response, welcome) => {
      if (welcome(request.url ?? '')) response.end('welcome');
    });
  });
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    listener.close(true);
  });

  /** Opens a connection, and says `text` on it. Resolves as soon as that is answered, if it says anything. */
  async function hold(text = ''): Promise<void> {
    const socket = connect(listener.port, '127.0.0.1').on('error', () => undefined);
    sockets.push(socket);
    await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
    if (text === '') return;
    socket.write(text);
    await Promise.race([once(socket, 'data'), once(socket, 'close')]);
  }

  it('has a place for another server when one has all of its own and strangers have theirs', async function () {
    this.timeout(20_000);
    for (let count = 0; count < 1_024; count++) await hold('GET /one HTTP/1.1\r\nHost: a\r\n\r\n');
    for (let count = 0; count < 1_100; count++) await hold();
    for (let count = 0; count < 3; count++) {
      const request = get({ port: listener.port, host: '127.0.0.1', path: '/other', agent: false });
      const [answer] = (await once(request, 'response')) as [IncomingMessage];
      assert.equal(String(await answer.toArray()), 'welcome');
    }
  });
});

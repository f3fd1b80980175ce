import assert from 'node:assert/strict';
import { errorIn, toolCall, useProxy } from '../support/proxy-rig.js';

describe('a redirect of a server', () => {
  const rig = useProxy();

  /** Sends everything at `/mcp` on to `location`. */
  function redirect(status: number, location: string): string[] {
    const paths: string[] = [];
    rig.handle = (req, res) => {
      paths.push(`${req.method ?? ''} ${req.url ?? ''} ${req.headers.authorization ?? ''}`);
      if (req.url === '/mcp') res.writeHead(status, { location }).end();
      else res.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
    };
    return paths;
  }

  for (const status of [307, 308]) {
    it(`is followed with the same request when it is ${status} and stays within what the credential is for`, async () => {
      const paths = redirect(status, '/mcp/v2?a=b');
      assert.equal((await rig.send()).text, '{"ok":true}');
      assert.deepEqual(paths, ['POST /mcp Bearer token-1', 'POST /mcp/v2?a=b Bearer token-1']);
      assert.equal(rig.seen[0]?.body, rig.seen[1]?.body);
    });
  }

  for (const status of [301, 302, 303]) {
    it(`is followed for a stream when it is ${status}, and not for a call, which would become another`, async () => {
      const paths = redirect(status, `${rig.url}/v2`);
      assert.equal((await rig.send('', {}, 'GET')).text, '{"ok":true}');
      assert.equal(paths.length, 2);
      assert.equal(errorIn(await rig.send(toolCall)), 'result');
      assert.equal(paths.length, 3);
    });
  }

  for (const [what, location] of [
    ['another host', 'https://attacker.example/mcp/v2'],
    ['another port', 'http://127.0.0.1:1/mcp/v2'],
    ['another scheme', 'file:///mcp/v2'],
    ['a path that the credential is not for', '/other'],
    ['a user’s name', 'http://user@127.0.0.1/mcp/v2'],
    ['no address', 'http://[/'],
  ] as const) {
    it(`is not followed to ${what}`, async () => {
      const paths = redirect(307, location);
      const answer = await rig.send({ jsonrpc: '2.0', id: 1, method: 'ping' });
      assert.deepEqual(errorIn(answer), { code: 'redirect_refused' });
      assert.equal(paths.length, 1);
    });
  }

  it('is followed three times at most', async () => {
    const paths = redirect(307, '/mcp');
    assert.equal(errorIn(await rig.send()), 'result');
    assert.equal(paths.length, 4);
  });

  it('is not followed with a body that has gone', async () => {
    const paths = redirect(307, '/mcp/v2');
    await rig.send(Buffer.from(`{"id":1,"a":"${'x'.repeat(1_200_000)}"}`));
    assert.equal(paths.length, 1);
  });

  it('is quoted briefly, and not at all with the token in it, whatever its form', async () => {
    const token = 'ya29/a0-secret-token-of-alice';
    rig.tokens.answers = [token];
    for (const form of [
      token,
      encodeURIComponent(token),
      encodeURIComponent(encodeURIComponent(token)),
      [...Buffer.from(token)].map((byte) => `%${byte.toString(16)}`).join(''),
      token.slice(0, 20),
    ]) {
      redirect(307, `https://login.example/?next=${form}`);
      const { text } = await rig.send();
      assert.ok(!text.includes('login.example') && !text.includes(form), text);
      assert.ok(!rig.log.text.includes(form), rig.log.text);
    }
    redirect(307, `https://login.example/?access_token=of-somebody-else&x=${'y'.repeat(3_000)}`);
    const { text } = await rig.send();
    assert.match(text, /https:\/\/login\.example\/\?access_token=\[redacted\]/);
    assert.ok(text.length < 600, text);
  });
});

describe('the version of the protocol', () => {
  const rig = useProxy();
  const session = { 'mcp-session-id': 's-1' };

  it('is said with every request of a session whose client leaves it out', async () => {
    rig.handle = (_req, res, body) => {
      const isFirst = body.includes('initialize"');
      res.writeHead(200, { 'content-type': 'application/json', ...(isFirst && session) });
      res.end('{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18"}}');
    };
    await rig.send({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} });
    await rig.send(toolCall, session);
    await rig.send(toolCall, { ...session, 'mcp-protocol-version': '2025-11-25' });
    await rig.send(toolCall, { 'mcp-session-id': 's-2' });
    await rig.send(undefined, session, 'DELETE');
    await rig.send(toolCall, session);
    assert.deepEqual(
      rig.seen.map(({ headers }) => headers['mcp-protocol-version']),
      [undefined, '2025-06-18', '2025-11-25', undefined, '2025-06-18', undefined],
    );
  });
});

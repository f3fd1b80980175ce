import assert from 'node:assert/strict';
import { useProxy } from '../support/proxy-rig.js';
import { converse, statusesIn } from '../support/raw-socket.js';

describe('a request for another place than the endpoint', () => {
  const rig = useProxy();

  const endpoint = () => rig.proxy.endpoint(rig.id) ?? assert.fail();

  async function ask(method: string, target: string, version = 'HTTP/1.1') {
    const { url, capability } = endpoint();
    const lines = [
      `${method} ${target} ${version}`,
      `Host: ${new URL(url).host}`,
      `Authorization: Bearer ${capability.reveal()}`,
      'Content-Length: 0',
    ];
    const { socket, said } = converse(url, [...lines, '', ''].join('\r\n'));
    socket.end();
    return said;
  }

  const targets: Readonly<Record<string, (path: string, host: string) => string>> = {
    'absolute, of another host': () => 'http://evil.example.com/mcp',
    'absolute, of ours': (path, host) => `http://${host}${path}`,
    'absolute, of the server': () => rig.url,
    'a name in front': (path, host) => `//${host}${path}`,
    'an asterisk': () => '*',
    'with a query': (path) => `${path}?x=1`,
    'with a fragment': (path) => `${path}#x`,
    'with a slash at the end': (path) => `${path}/`,
    'with a double slash': (path) => path.replace('/mcp/', '/mcp//'),
    'with a way up': (path) => `/mcp/../..${path}`,
    'with a way up at the end': (path) => `${path}/..`,
    'with an encoded way up': (path) => `/%2e%2e${path}`,
    'with an encoded slash': (path) => path.replace('/mcp/', '/mcp%2f'),
    'with an encoded letter': (path) => path.replace('/mcp/', '/%6dcp/'),
    'with a backslash': (path) => path.replaceAll('/', '\\'),
    'with a parameter': (path) => `${path};x`,
    'in capitals': (path) => path.replace('/mcp/', '/MCP/'),
    'with an encoded null': (path) => `${path}%00`,
    'the name of a member of every object': () => '/mcp/__proto__',
  };
  for (const [what, targetOf] of Object.entries(targets)) {
    it(`is refused and goes nowhere: ${what}`, async () => {
      const { pathname, host } = new URL(endpoint().url);
      const said = await ask('POST', targetOf(pathname, host));
      assert.ok(said === '' || statusesIn(said).join() === '404', said);
      assert.deepEqual(rig.seen, []);
    });
  }

  it('is refused without a word when it is to become a tunnel', async () => {
    for (const target of ['evil.example.com:443', new URL(rig.url).host]) {
      assert.equal(await ask('CONNECT', target), '');
    }
    assert.deepEqual(rig.seen, []);
  });

  for (const method of ['TRACE', 'OPTIONS', 'PUT', 'PATCH', 'HEAD', 'PROPFIND', 'M-SEARCH']) {
    it(`is refused with a method of no MCP client: ${method}`, async () => {
      const said = await ask(method, new URL(endpoint().url).pathname);
      assert.deepEqual(statusesIn(said), [404]);
      assert.doesNotMatch(said, /Bearer|Allow:/i);
      assert.deepEqual(rig.seen, []);
    });
  }

  it('is cut off without a word when it is no HTTP', async () => {
    for (const bytes of [
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      'hello\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
    ]) {
      const { socket, said } = converse(endpoint().url, Buffer.from(bytes, 'latin1'));
      socket.end();
      assert.equal(await said, '');
    }
  });

  it('stays a request when it asks for a WebSocket, and is refused like any other', async () => {
    const { url } = endpoint();
    const { pathname, host } = new URL(url);
    const lines = [
      `GET ${pathname} HTTP/1.1`,
      `Host: ${host}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ];
    const { socket, said } = converse(url, [...lines, '', ''].join('\r\n'));
    socket.end();
    assert.deepEqual(statusesIn(await said), [404]);
    assert.deepEqual(rig.seen, []);
  });

  it('is refused before anything of its body is asked for', async () => {
    const { url } = endpoint();
    const lines = [
      `POST /mcp/x HTTP/1.1`,
      `Host: ${new URL(url).host}`,
      'Expect: 100-continue',
      'Content-Length: 9',
    ];
    const { said } = converse(url, [...lines, '', ''].join('\r\n'));
    assert.deepEqual(statusesIn(await said), [404]);
  });
});

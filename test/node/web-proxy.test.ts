import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const program = fileURLToPath(new URL('../support/proxied-child.ts', import.meta.url));

/**
 * Node's own switch puts a real proxy behind `http` and `https`, in a process of its own. What the editor does is the
 * same at the same place; `test/host/journeys/google.test.ts` proves that one in the editor.
 */
describe('Web behind a proxy', () => {
  let proxy: Server;
  let asked: string[];

  beforeEach(async () => {
    asked = [];
    proxy = createServer((req, res) => {
      asked.push(`${req.method ?? ''} ${req.url ?? ''}`);
      res.end('through the proxy');
    });
    proxy.on('connect', (req, socket) => {
      asked.push(`CONNECT ${req.url ?? ''}`);
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    proxy.closeAllConnections();
    proxy.close();
  });

  /** @returns a line for each address */
  async function outcomes(namedBy: string, ...addresses: readonly string[]): Promise<string[]> {
    const origin = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const env = {
      ...process.env,
      NODE_USE_ENV_PROXY: '1',
      HTTP_PROXY: origin,
      HTTPS_PROXY: origin,
      NO_PROXY: '',
    };
    const args = ['--import=tsx', program, namedBy, ...addresses];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    return stdout.trim().split('\n');
  }

  it('leaves to it what names mean, which only the proxy may know', async () => {
    const address = 'http://known-to-the-proxy-alone.example/a';
    for (const namedBy of ['', 'https://mcp.example.com/mcp'])
      assert.deepEqual(await outcomes(namedBy, address), ['200 through the proxy']);
    assert.deepEqual(asked, [`GET ${address}`, `GET ${address}`]);
  }).timeout(20_000);

  it('asks it for a tunnel to what is encrypted', async () => {
    const [outcome] = await outcomes('', 'https://as.example.com/token');
    assert.doesNotMatch(outcome ?? '', /^200/);
    assert.deepEqual(asked, ['CONNECT as.example.com:443']);
  }).timeout(20_000);

  it('judges what stands in an address itself, and does not bother the proxy with it', async () => {
    const inside = ['http://10.0.0.5/', 'https://169.254.169.254/latest', 'http://[::1]:1/'];
    assert.deepEqual(
      await outcomes('https://mcp.example.com/mcp', ...inside),
      inside.map(() => 'network_refused'),
    );
    assert.deepEqual(asked, []);
  }).timeout(20_000);
});

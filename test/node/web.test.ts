import assert from 'node:assert/strict';
import { Agent, globalAgent, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { hasCode } from '../../src/core/errors.js';
import { reachOf } from '../../src/node/reach.js';
import { Web } from '../../src/node/web.js';
import { listen, type Listener } from '../support/listener.js';
import { outside, scriptedLookup } from '../support/other-world.js';

const isRefused = (error: unknown) => hasCode(error, 'network_refused');

describe('Web', () => {
  let here: Listener;
  let there: Listener;
  let asked: IncomingMessage[];
  let bodies: string[];
  let answer: (req: IncomingMessage, res: ServerResponse) => void;

  beforeEach(async () => {
    [asked, bodies] = [[], []];
    answer = (_req, res) => res.end('here');
    here = await listen('127.0.0.1');
    here.serve(async (req, res) => {
      asked.push(req);
      let body = '';
      for await (const chunk of req) body += String(chunk);
      bodies.push(body);
      answer(req, res);
    });
    // Stands for the world: what is there may not lead to 127.0.0.1.
    there = await listen('::1');
    there.serve((_req, res) => void res.end('there'));
  });
  afterEach(async () => {
    await here.close();
    await there.close();
  });

  it('does not wait for ever after a switch to another protocol, which nobody asked for', async () => {
    answer = (_req, res) =>
      void res.socket?.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n');
    await assert.rejects(new Web().fetch(here.origin, {}), /closed without an answer|hang up/);
  });

  it('sends method, headers and forms, and hands on status, headers and body', async () => {
    answer = (_req, res) => res.writeHead(418, { 'set-cookie': ['a=1', 'b=2'], 'x-test': '1' }).end('short');
    const body = new URLSearchParams({ a: 'b c' });
    const sent = await new Web().fetch(here.origin, { method: 'POST', headers: { 'x-own': 'own' }, body });
    assert.deepEqual([sent.status, sent.headers.get('x-test'), await sent.text()], [418, '1', 'short']);
    assert.deepEqual(sent.headers.getSetCookie(), ['a=1', 'b=2']);
    assert.ok(asked[0]);
    const { method, headers } = asked[0];
    assert.deepEqual([method, headers['x-own'], bodies], ['POST', 'own', ['a=b+c']]);
    assert.match(headers['content-type'] ?? '', /^application\/x-www-form-urlencoded/);
    assert.equal(headers.connection, 'close');
  });

  it('gets what a server keeps compressed as it is (RFC 9110 §12.5.3)', async () => {
    answer = (req, res) =>
      /identity/.test(req.headers['accept-encoding'] ?? 'gzip')
        ? res.end('{}')
        : res.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{}'));
    for (const headers of [{}, { 'accept-encoding': 'gzip' }])
      assert.equal(await (await new Web().fetch(here.origin, { headers })).text(), '{}');
  });

  it('follows no redirect and hands on answers without a body', async () => {
    answer = (_req, res) => res.writeHead(307, { location: '/b' }).end();
    assert.equal((await new Web().fetch(here.origin, {})).status, 307);
    answer = (_req, res) => res.writeHead(204).end();
    assert.equal((await new Web().fetch(here.origin, {})).body, null);
    assert.equal(asked.length, 2);
  });

  it('ends when the caller gives up, before and in the answer', async () => {
    const reason = new Error('given up');
    await assert.rejects(new Web().fetch(here.origin, { signal: AbortSignal.abort(reason) }));
    const controller = new AbortController();
    answer = (_req, res) => void res.write('half');
    const sent = await new Web().fetch(here.origin, { signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(sent.text());
  });

  it('goes wherever the user says', async () => {
    const web = new Web(scriptedLookup({ localhost: ['127.0.0.1'] }), outside('::1'));
    assert.equal((await web.fetch(`http://localhost:${here.port}/`, {})).status, 200);
  });

  it('refuses a literal address that is more private than who named it, and connects to nothing', async () => {
    const web = new Web(undefined, outside('::1'));
    await assert.rejects(web.fetch(here.origin, { namedBy: there.origin }), isRefused);
    await assert.rejects(web.fetch(here.origin, { namedBy: 'https://mcp.example.com/mcp' }), isRefused);
    assert.equal(asked.length, 0);
  });

  it('refuses a name for what it means at the moment of connecting, although it meant something else before', async () => {
    const web = new Web(scriptedLookup({ localhost: ['::1', '127.0.0.1'] }), outside('::1'));
    const [named, rebound] = [`http://localhost:${there.port}`, `http://localhost:${here.port}`];
    await web.fetch(there.origin, {});
    assert.equal(await (await web.fetch(named, { namedBy: there.origin })).text(), 'there');
    await assert.rejects(web.fetch(rebound, { namedBy: there.origin }), isRefused);
    assert.equal(asked.length, 0);
  });

  it('refuses a name that means one address outside and one inside', async () => {
    const web = new Web(scriptedLookup({ localhost: [['::1', '127.0.0.1']] }), outside('::1'));
    await assert.rejects(web.fetch(`http://localhost:${there.port}`, { namedBy: there.origin }), isRefused);
  });

  it('measures who names an address where it has answered, and not by what its name means later', async () => {
    const web = new Web(scriptedLookup({ localhost: ['127.0.0.1', '::1'] }), outside('::1'));
    await web.fetch(`http://localhost:${here.port}`, {});
    // It has answered from inside, so it may lead inside.
    assert.equal(
      (await web.fetch(here.origin, { namedBy: `http://localhost:${here.port}/mcp` })).status,
      200,
    );
  });

  it('measures who has not answered yet by what its name means, as after a restart', async () => {
    const inside = scriptedLookup({ 'mcp.example.com': ['10.0.0.7'], localhost: ['127.0.0.1'] });
    const isHere = (address: string) => (address === '127.0.0.1' ? 'private' : reachOf(address));
    const named = { namedBy: 'https://mcp.example.com/mcp' };
    assert.equal((await new Web(inside, isHere).fetch(`http://localhost:${here.port}`, named)).status, 200);
    const world = scriptedLookup({ 'mcp.example.com': ['8.8.8.8'], localhost: ['127.0.0.1'] });
    await assert.rejects(new Web(world, isHere).fetch(`http://localhost:${here.port}`, named), isRefused);
  });

  it('measures who has not answered yet by the most public of all addresses of its name', async () => {
    for (const addresses of [
      ['10.0.0.7', '8.8.8.8'],
      ['8.8.8.8', '10.0.0.7'],
    ]) {
      const lookup = scriptedLookup({ 'mcp.example.com': [addresses], 'inside.example.com': ['10.0.0.5'] });
      const refused = new Web(lookup).requireReach(
        'https://inside.example.com',
        'https://mcp.example.com/mcp',
      );
      await assert.rejects(refused, (error) => hasCode(error, 'network_refused'));
    }
  });

  it('refuses a connection of somebody else’s that is still open to a place inside', async () => {
    const agent = globalAgent as Agent & { freeSockets: Record<string, unknown[]> };
    await new Promise<void>((resolve, reject) => {
      const lookup = scriptedLookup({ localhost: ['127.0.0.1'] });
      const first = request(`http://localhost:${here.port}/`, {
        lookup,
        headers: { connection: 'keep-alive' },
      });
      first.on('response', (res) => res.resume().on('close', resolve)).on('error', reject);
      first.end();
    });
    await new Promise(setImmediate);
    assert.equal(Object.keys(agent.freeSockets).length, 1, 'There is a connection to use again.');
    const web = new Web(scriptedLookup({}), outside('::1'));
    const named = web.fetch(`http://localhost:${here.port}/inside`, { namedBy: there.origin });
    await assert.rejects(named, isRefused);
    assert.deepEqual(
      asked.map(({ url }) => url),
      ['/'],
    );
  });

  it('says what failed when the name or the host is unknown', async () => {
    const web = new Web(scriptedLookup({}));
    await assert.rejects(web.fetch('https://unknown.example.com/', {}), /ENOTFOUND/);
    const { origin } = here;
    await here.close();
    await assert.rejects(new Web().fetch(origin, {}), /ECONNREFUSED/);
  });

  it('judges an address for the browser by what its name means now', async () => {
    const web = new Web(scriptedLookup({ 'login.example.com': ['8.8.8.8', '10.0.0.5'] }), reachOf);
    const by = 'https://as.example.com';
    await web.requireReach('https://login.example.com/auth?x=1', by);
    await assert.rejects(web.requireReach('https://login.example.com/auth', by), isRefused);
    await assert.rejects(web.requireReach('https://192.168.1.1/reboot', by), isRefused);
    await web.requireReach('https://known-to-the-proxy-alone.example.com/auth', by);
  });
});

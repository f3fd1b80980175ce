import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { useGround } from '../support/ground.js';
import { ping, rawRequest } from '../support/raw-request.js';

describe('headers that a caller sends along', () => {
  const ground = useGround();

  it('carry no credential of the caller to the server, nor the capability', async () => {
    const { resource, url, headers } = await ground.signedInForScripted();
    const answer = await rawRequest(url, {
      headers: {
        ...headers,
        cookie: 'session=of-the-caller',
        'proxy-authorization': 'Basic b2YtdGhlLWNhbGxlcg==',
        referer: 'http://127.0.0.1/of-the-caller',
      },
      body: ping,
    });
    assert.equal(answer.status, 200);
    const [seen] = resource.authorized;
    assert.match(seen?.headers.authorization ?? '', /^Bearer eyJ/);
    assert.equal(seen?.rawHeaders.filter((name) => name.toLowerCase() === 'authorization').length, 1);
    const everything = JSON.stringify(seen);
    assert.doesNotMatch(everything, /of-the-caller|b2YtdGhl/);
    assert.ok(!everything.includes(headers['Authorization'] ?? 'nothing'));
  });

  it('are all looked at, also those behind more than a parser shows by itself', async () => {
    const { resource, url, headers } = await ground.signedInForScripted();
    const many = Object.fromEntries(Array.from({ length: 1_500 }, (_, n) => [`x${n}`, '1']));
    const origin = 'https://attacker.example';
    const answer = await rawRequest(url, { headers: { ...headers, ...many, origin }, body: ping });
    assert.equal(answer.status, 404);
    assert.deepEqual(resource.authorized, []);
  });

  it('are dropped when Connection names them', async () => {
    const { resource, url, headers } = await ground.signedInForScripted();
    await rawRequest(url, {
      headers: {
        ...headers,
        connection: 'close, X-Hop, mcp-session-id',
        'x-hop': 'one',
        'x-end-to-end': 'two',
        'keep-alive': 'timeout=5',
        te: 'trailers',
      },
      body: ping,
    });
    const [seen] = resource.authorized;
    assert.equal(seen?.headers['x-end-to-end'], 'two');
    for (const name of ['x-hop', 'keep-alive', 'te']) assert.equal(seen.headers[name], undefined, name);
  });

  it('cannot take the credential out by naming it in Connection', async () => {
    const { resource, url, headers } = await ground.signedInForScripted();
    await rawRequest(url, { headers: { ...headers, connection: 'close, authorization, host' }, body: ping });
    assert.match(resource.authorized[0]?.headers.authorization ?? '', /^Bearer eyJ/);
    assert.equal(resource.authorized[0]?.headers.host, new URL(resource.url).host);
  });

  it('arrive as they are when they are called what every object has', async () => {
    const { resource, url, headers } = await ground.signedInForScripted();
    const own = Object.fromEntries(
      ['constructor', 'toString', '__proto__'].map((name) => [name, `of ${name}`]),
    );
    await rawRequest(url, { headers: { ...headers, ...own }, body: ping });
    const raw = resource.authorized[0]?.rawHeaders ?? [];
    for (const [name, value] of Object.entries(own)) assert.equal(raw[raw.indexOf(name) + 1], value, name);
  });

  it('cannot make one request look like two to the server', async () => {
    const { resource, url, headers } = await ground.signedInForScripted();
    const { host, port, pathname } = new URL(url);
    const smuggled = 'POST /admin HTTP/1.1\r\nhost: x\r\n\r\n';
    const lines = [
      `POST ${pathname} HTTP/1.1`,
      `host: ${host}`,
      `authorization: ${headers['Authorization'] ?? ''}`,
      'content-length: 6',
      'transfer-encoding: chunked',
      '',
      `0\r\n\r\n${smuggled}`,
    ];
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), '127.0.0.1', () => socket.write(lines.join('\r\n')));
      socket.on('data', () => socket.destroy());
      socket.on('close', () => resolve());
      socket.on('error', () => resolve());
    });
    assert.deepEqual(resource.authorized, [], 'A request with two lengths is refused.');
    assert.ok(!resource.seen.some(({ path }) => path === '/admin'));
  });

  it('cannot change where the request goes', async () => {
    const { resource, url, headers } = await ground.signedInForScripted();
    await rawRequest(url, {
      headers: {
        ...headers,
        'x-forwarded-host': 'evil.example.com',
        forwarded: 'host=evil.example.com',
        origin_: 'x',
      },
      body: ping,
    });
    assert.equal(resource.authorized[0]?.headers.host, new URL(resource.url).host);
  });
});

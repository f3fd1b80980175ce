import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { hasCode } from '../../src/core/errors.js';
import { Web } from '../../src/node/web.js';
import { guardedFetch, guardedHeadFetch } from '../../src/oauth/guarded-fetch.js';
import { listen, type Listener } from '../support/listener.js';

const isUnreachable = (error: unknown) => hasCode(error, 'issuer_unreachable');

describe('guardedFetch', () => {
  const fetch = guardedFetch(new Web().fetch);
  let listener: Listener;
  let answer: (req: IncomingMessage, res: ServerResponse) => void;
  let asked: string[];

  before(async () => {
    listener = await listen('127.0.0.1');
    listener.serve((req, res) => {
      asked.push(req.url ?? '');
      answer(req, res);
    });
  });
  beforeEach(() => {
    asked = [];
  });
  after(() => listener.close());

  const get = (init: RequestInit = {}) => fetch(`${listener.origin}/a`, init);

  it('hands on status, headers and body', async () => {
    answer = (_req, res) => res.writeHead(418, { 'x-test': '1' }).end('short and stout');
    const response = await get();
    assert.deepEqual([response.status, response.headers.get('x-test')], [418, '1']);
    assert.equal(await response.text(), 'short and stout');
  });

  it('hands on statuses that have no body', async () => {
    for (const status of [204, 304]) {
      answer = (_req, res) => res.writeHead(status).end();
      assert.equal((await get()).status, status);
    }
  });

  it('follows no redirect, whatever the caller asks for', async () => {
    answer = (_req, res) => res.writeHead(307, { location: '/b' }).end();
    assert.equal((await get({ redirect: 'follow', method: 'POST', body: 'token' })).status, 307);
    assert.deepEqual(asked, ['/a']);
  });

  it('reads no more than a megabyte', async () => {
    answer = (_req, res) => res.end(Buffer.alloc(1_048_577));
    await assert.rejects(get(), isUnreachable);
    answer = (_req, res) => res.end(Buffer.alloc(1_048_576, 'a'));
    assert.equal((await (await get()).arrayBuffer()).byteLength, 1_048_576);
  });

  it('ends an answer without an end at that size', async () => {
    const cut = new Promise((resolve) => {
      answer = (_req, res) => {
        const more = () => {
          let goesOn = !res.destroyed;
          while (goesOn) goesOn = res.write(Buffer.alloc(65_536));
        };
        res.on('drain', more).on('close', resolve);
        more();
      };
    });
    await assert.rejects(get(), isUnreachable);
    await cut;
  });

  it('says that the host does not answer when the connection breaks before or in the answer', async () => {
    answer = (req) => req.socket.destroy();
    await assert.rejects(get(), isUnreachable);
    answer = (_req, res) => {
      res.writeHead(200, { 'content-length': 100 });
      res.write('half', () => res.destroy());
    };
    await assert.rejects(get(), isUnreachable);
  });

  it('ends with the caller’s own reason when the caller gives up', async () => {
    const controller = new AbortController();
    const reason = new Error('given up');
    answer = () => controller.abort(reason);
    await assert.rejects(get({ signal: controller.signal }), reason);
  });

  it('says that the host does not answer when its own limit ends the wait', async () => {
    const timedOut = guardedFetch((_url, { signal }) => {
      assert.equal(signal?.aborted, false);
      return Promise.reject(new DOMException('The operation timed out.', 'TimeoutError'));
    });
    await assert.rejects(timedOut(listener.origin, {}), isUnreachable);
  });

  it('waits thirty seconds for an answer, and for the end of one that trickles, and not longer', async () => {
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    const limits: number[] = [];
    AbortSignal.timeout = (ms) => {
      limits.push(ms);
      return timeout(50);
    };
    try {
      answer = () => undefined;
      await assert.rejects(get(), isUnreachable);
      answer = (_req, res) => {
        const trickle = setInterval(() => res.write(' '), 10);
        res.on('close', () => clearInterval(trickle));
      };
      await assert.rejects(get(), isUnreachable);
    } finally {
      AbortSignal.timeout = timeout;
    }
    assert.deepEqual(limits, [30_000, 30_000]);
  });

  it('tells a certificate that is not trusted from a host that is away', async () => {
    const codes = [
      ['CERT_HAS_EXPIRED', 'tls_untrusted'],
      ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls_untrusted'],
      ['SELF_SIGNED_CERT_IN_CHAIN', 'tls_untrusted'],
      ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls_untrusted'],
      ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'tls_untrusted'],
      ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls_untrusted'],
      ['ECONNREFUSED', 'issuer_unreachable'],
      ['ENOTFOUND', 'issuer_unreachable'],
      ['ECONNRESET', 'issuer_unreachable'],
    ] as const;
    for (const [code, expected] of codes) {
      const cause = Object.assign(new Error(code), { code });
      const failing = guardedFetch(() => Promise.reject(new TypeError('fetch failed', { cause })));
      await assert.rejects(failing(listener.origin, {}), (error) => hasCode(error, expected), code);
    }
  });

  it('asks nothing of an address that is refused', async () => {
    const never = guardedFetch(() => assert.fail('It was asked.'));
    for (const address of ['http://as.example.com/', 'file:///etc/passwd', 'https://alice@example.com/']) {
      await assert.rejects(never(address, {}), (error) => hasCode(error, 'address_refused'));
    }
  });

  it('does not wait for a stream when only its head matters', async () => {
    const closed = new Promise((resolve) => {
      answer = (_req, res) => {
        res.on('close', resolve);
        res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
      };
    });
    const response = await guardedHeadFetch(new Web().fetch)(listener.origin, {});
    assert.equal(response.status, 200);
    assert.equal(await response.text(), '');
    await closed;
  });
});

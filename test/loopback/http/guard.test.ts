import assert from 'node:assert/strict';
import { request, type IncomingMessage } from 'node:http';
import { Secret } from '../../../src/core/secret.js';
import { stampOfCapability, isAdmitted } from '../../../src/loopback/http/guard.js';
import { listen, type Listener } from '../../support/listener.js';

const capability = 'c'.repeat(43);
const stamp = stampOfCapability(new Secret(capability));

describe('the guard', () => {
  let listener: Listener;
  let host: string;
  let judge: (req: IncomingMessage) => void;

  before(async () => {
    listener = await listen('127.0.0.1');
    host = `127.0.0.1:${listener.port}`;
    listener.serve((req, res) => {
      judge(req);
      res.end();
    });
  });
  after(() => listener.close());

  /** What the guard says of a request that has really been on a wire. */
  async function isIn(method: string, headers: Record<string, string | undefined>): Promise<boolean> {
    const admitted = new Promise<boolean>((resolve) => {
      judge = (req) => resolve(isAdmitted(req, host, stamp));
    });
    const all: Record<string, string | undefined> = {
      host,
      authorization: `Bearer ${capability}`,
      ...headers,
    };
    const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    const outgoing = request(listener.origin, { method, headers: sent, agent: false });
    outgoing.on('error', () => undefined).end();
    return admitted;
  }

  for (const method of ['POST', 'GET', 'DELETE']) {
    it(`admits ${method} with the capability`, async () => assert.ok(await isIn(method, {})));
  }

  const rows: readonly (readonly [string, string, Record<string, string | undefined>])[] = [
    ['OPTIONS, which a page may send without leave', 'OPTIONS', {}],
    ['HEAD', 'HEAD', {}],
    ['PUT', 'PUT', {}],
    ['PATCH', 'PATCH', {}],
    ['a name that leads here (DNS rebinding)', 'POST', { host: 'attacker.example' }],
    ['our address without the port', 'POST', { host: '127.0.0.1' }],
    ['our address with another port', 'POST', { host: '127.0.0.1:1' }],
    ['our address as the beginning of a name', 'POST', { host: '127.0.0.1.attacker.example' }],
    ['localhost', 'POST', { host: 'localhost' }],
    ['a page of another site', 'POST', { origin: 'https://attacker.example' }],
    ['a page without an origin', 'POST', { origin: 'null' }],
    ['a page of our own port', 'POST', { origin: 'http://127.0.0.1' }],
    ['a browser, by its fetch metadata', 'GET', { 'sec-fetch-site': 'same-origin' }],
    ['nobody in particular', 'POST', { authorization: undefined }],
    ['an empty capability', 'POST', { authorization: 'Bearer ' }],
    ['the scheme alone', 'POST', { authorization: 'Bearer' }],
    ['another capability of the same length', 'POST', { authorization: `Bearer ${'d'.repeat(43)}` }],
    ['a shorter one', 'POST', { authorization: `Bearer ${capability.slice(1)}` }],
    ['a longer one', 'POST', { authorization: `Bearer ${capability}c` }],
    [
      'one of the same length in characters and another in bytes',
      'POST',
      { authorization: `Bearer ${'\u00e9'.repeat(43)}` },
    ],
    ['the capability with another scheme', 'POST', { authorization: `Basic ${capability}` }],
    ['the capability without a scheme', 'POST', { authorization: capability }],
  ];
  for (const [what, method, headers] of rows) {
    it(`turns away ${what}`, async () => assert.equal(await isIn(method, headers), false));
  }
});

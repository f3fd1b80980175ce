import assert from 'node:assert/strict';
import { hasCode } from '../../src/core/errors.js';
import { findDocument } from '../../src/oauth/metadata-document.js';
import { json, page, ScriptedFetch } from './scripted-fetch.js';

const [first, second] = ['https://as.example.com/.well-known/a', 'https://as.example.com/.well-known/b'];

const moved = (location: string, status = 302) => new Response(null, { status, headers: { location } });

async function find(answers: Record<string, Response>) {
  const scripted = new ScriptedFetch(answers);
  const init = { redirect: 'manual' } as const;
  const fetch = (url: string, given: RequestInit) => scripted.fetch(url, { ...given, ...init });
  const found = await findDocument(
    fetch,
    [first, second],
    (document) => !('error' in document),
    new AbortController().signal,
  );
  return { address: found?.address, body: await found?.response.json(), asked: scripted.asked };
}

describe('findDocument', () => {
  it('takes the first document, asks for JSON, and looks no further', async () => {
    const { address, body, asked } = await find({
      [`GET ${first}`]: json({ a: 1 }),
      [`GET ${second}`]: json({}),
    });
    assert.deepEqual([address, body, asked], [first, { a: 1 }, [`GET ${first}`]]);
  });

  const absent: readonly (readonly [string, Response])[] = [
    ['404', json({ error: 'not_found' }, 404)],
    ['401, as a server that protects everything answers', json({}, 401)],
    ['405', json({}, 405)],
    ['a redirect to another origin, which is not followed', moved('https://other.example.com/a')],
    ['a redirect to another port, which is another origin', moved('https://as.example.com:8443/a')],
    ['a redirect to http', moved('http://as.example.com/a')],
    ['a redirect to nowhere', moved('https://')],
    ['a redirect in a circle', moved(first)],
    ['a redirect with a name and a password', moved('https://alice:pw@as.example.com/a')],
    ['a redirect to what is no address any more', moved(`/${'a'.repeat(9_000)}`)],
    ['a page of a web application', page(200)],
    ['a JSON object that is none', json({ error: 'not found' })],
    ['JSON that is no object', json('not found')],
    ['text', new Response('{}', { headers: { 'content-type': 'text/plain' } })],
  ];
  for (const [what, answer] of absent) {
    it(`goes on after ${what}`, async () => {
      const { address } = await find({ [`GET ${first}`]: answer, [`GET ${second}`]: json({}) });
      assert.equal(address, second);
    });
  }

  it('follows redirects that stay at the origin, three of them at most', async () => {
    const path = (n: number) => `https://as.example.com/${n}`;
    const way = [moved('/1'), moved(path(2), 307), moved('3', 308)];
    const answers = {
      ...Object.fromEntries(way.map((answer, n) => [`GET ${n === 0 ? first : path(n)}`, answer])),
      [`GET ${second}`]: json({ b: 1 }),
    };
    const { address, body } = await find({ ...answers, [`GET ${path(3)}`]: json({ a: 1 }) });
    assert.deepEqual([address, body], [first, { a: 1 }]);
    assert.equal((await find({ ...answers, [`GET ${path(3)}`]: moved('/4') })).address, second);
  });

  it('follows a redirect to a route in a fragment, which is no part of the address', async () => {
    const { address, asked } = await find({
      [`GET ${first}`]: moved('/ui/#/not-found'),
      'GET https://as.example.com/ui/': page(200),
      [`GET ${second}`]: json({}),
    });
    assert.deepEqual([address, asked.length], [second, 3]);
  });

  it('takes a JSON object that is none where no address has more to say', async () => {
    const { address, body } = await find({ [`GET ${first}`]: json({ error: 'not found' }) });
    assert.deepEqual([address, body], [first, { error: 'not found' }]);
  });

  it('takes any JSON media type (RFC 6838 §4.2.8)', async () => {
    const answer = new Response('{}', {
      headers: { 'content-type': 'application/jwk-set+json; charset=utf-8' },
    });
    assert.equal((await find({ [`GET ${first}`]: answer })).address, first);
  });

  for (const status of [429, 500, 502, 503, 504]) {
    it(`does not fall back on ${status}: an outage must not lead to a weaker place`, async () => {
      const asking = find({ [`GET ${first}`]: page(status), [`GET ${second}`]: json({}) });
      await assert.rejects(asking, (error) => hasCode(error, 'issuer_unreachable'));
    });
  }

  it('finds nothing where there is nothing', async () => {
    const { address, asked } = await find({});
    assert.deepEqual([address, asked.length], [undefined, 2]);
  });
});

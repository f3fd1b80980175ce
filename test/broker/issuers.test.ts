import assert from 'node:assert/strict';
import { Issuers } from '../../src/broker/issuers.js';
import { hasCode } from '../../src/core/errors.js';
import { FakeClock } from '../support/fake-clock.js';

const issuer = 'https://as.example.com';
const resource = 'https://mcp.example.com/mcp';

describe('the metadata of issuers', () => {
  const open = () => {
    const clock = new FakeClock();
    const closing = new AbortController();
    const asked: string[] = [];
    const answers: Response[] = [];
    const fetch = (url: string) => {
      asked.push(url);
      return Promise.resolve(answers.shift() ?? Response.json({ issuer, token_endpoint: `${issuer}/token` }));
    };
    return { clock, closing, asked, answers, issuers: new Issuers(fetch, clock, closing.signal, () => []) };
  };

  it('is asked for once at a time and once an hour', async () => {
    const { clock, asked, issuers } = open();
    await Promise.all([issuers.metadata(issuer, resource), issuers.metadata(issuer, resource)]);
    clock.advance(3_599_999);
    await issuers.metadata(issuer, resource);
    assert.equal(asked.length, 1);
    clock.advance(1);
    await issuers.metadata(issuer, resource);
    assert.equal(asked.length, 2);
  });

  it('is asked for again when another server names the issuer, which may not lead to where this one may', async () => {
    const { asked, issuers } = open();
    for (const namedBy of ['https://a.example.com/mcp', 'https://b.example.com/mcp', undefined])
      await issuers.metadata(issuer, issuer, namedBy);
    await issuers.metadata(issuer, issuer, 'https://a.example.com/mcp');
    assert.equal(asked.length, 3);
  });

  it('is asked for again after a failure', async () => {
    const { answers, issuers } = open();
    answers.push(new Response(null, { status: 503 }));
    await assert.rejects(issuers.metadata(issuer, resource), (error) => hasCode(error, 'issuer_unreachable'));
    assert.equal((await issuers.metadata(issuer, resource)).issuer, issuer);
  });

  it('is not waited for any longer when the window closes', async () => {
    const closing = new AbortController();
    const reason = new Error('closing');
    const never = (_url: string, { signal }: RequestInit) =>
      new Promise<Response>((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(new Error('aborted')));
      });
    const asking = new Issuers(never, new FakeClock(), closing.signal, () => []).metadata(issuer, resource);
    closing.abort(reason);
    await assert.rejects(asking, reason);
  });
});

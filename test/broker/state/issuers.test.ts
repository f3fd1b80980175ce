import assert from 'node:assert/strict';
import { Issuers } from '../../../src/broker/state/issuers.js';
import { hasCode } from '../../../src/core/errors.js';
import type { Fetch } from '../../../src/core/ports.js';
import { FakeClock } from '../../support/fake-clock.js';

const issuer = 'https://as.example.com';
const resource = 'https://mcp.example.com/mcp';

describe('the metadata of issuers', () => {
  let isTyped: (issuer: string) => boolean;
  beforeEach(() => {
    isTyped = () => false;
  });

  const open = () => {
    const clock = new FakeClock();
    const closing = new AbortController();
    const asked: string[] = [];
    const answers: Response[] = [];
    const leads: (string | undefined)[] = [];
    const fetch: Fetch = (url, { namedBy }) => {
      asked.push(url);
      leads.push(namedBy);
      return Promise.resolve(answers.shift() ?? Response.json({ issuer, token_endpoint: `${issuer}/token` }));
    };
    return {
      clock,
      closing,
      asked,
      leads,
      answers,
      issuers: new Issuers(
        fetch,
        clock,
        closing.signal,
        () => [],
        (issuer) => isTyped(issuer),
      ),
    };
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

  it('is asked for again after the clock was set back, since nobody knows how old it is', async () => {
    const { clock, asked, issuers } = open();
    await issuers.metadata(issuer, resource);
    clock.sleep(-24 * 3_600_000);
    await issuers.metadata(issuer, resource);
    assert.equal(asked.length, 2);
  });

  it('is asked for again when another server names the issuer, which may not lead to where this one may', async () => {
    const { asked, leads, issuers } = open();
    for (const named of [
      'https://a.example.com/mcp',
      'https://b.example.com/mcp',
      'https://a.example.com/mcp',
    ])
      await issuers.metadata(issuer, named);
    assert.equal(asked.length, 2);
    assert.deepEqual(leads, ['https://a.example.com/mcp', 'https://b.example.com/mcp']);
    isTyped = () => true;
    await issuers.metadata(issuer, 'https://a.example.com/mcp');
    assert.equal(leads.at(-1), undefined);
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
    const asking = new Issuers(never, new FakeClock(), closing.signal, () => [], isTyped).metadata(
      issuer,
      resource,
    );
    closing.abort(reason);
    await assert.rejects(asking, reason);
  });
});

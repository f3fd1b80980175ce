import assert from 'node:assert/strict';
import { Secret } from '../../src/core/secret.js';
import { redacted } from '../../src/core/redaction.js';
import { proofsOf } from '../../src/oauth/wire.js';

describe('the words of a server', () => {
  const token = '1//0gABC+def_~(x) y';
  const sent = [new Secret(token)];
  const form = new URLSearchParams({ refresh_token: token }).toString();

  const rows: readonly (readonly [string, string, string])[] = [
    ['as it is', `Token ${token} is unknown.`, 'Token [redacted] is unknown.'],
    ['as a form carries it', `Bad body: ${form}&x=1`, 'Bad body: refresh_token=[redacted]&x=1'],
    ['as an address carries it', `Token ${form.slice(14).replaceAll('+', '%20')}?`, 'Token [redacted]?'],
    ['encoded as JavaScript does it', `Token ${encodeURIComponent(token)}`, '[redacted]'],
    ['encoded in small letters', `Token ${encodeURIComponent(token).toLowerCase()}`, '[redacted]'],
    ['encoded twice', `Token ${encodeURIComponent(encodeURIComponent(token))}`, '[redacted]'],
    ['with its slashes escaped', String.raw`Token 1\/\/0gABC+def_~(x) y`, '[redacted]'],
  ];
  for (const [how, text, expected] of rows) {
    it(`do not repeat what we sent, ${how}`, () => {
      const small = how.endsWith('letters') ? [new Secret(token.toLowerCase())] : sent;
      assert.equal(redacted(text, small), expected);
    });
  }

  it('do not repeat the secret of a client in any form in which it is sent (RFC 6749 §2.3.1)', () => {
    const client = { issuer: 'https://as.example.com', clientId: 'c:1', source: 'configured' } as const;
    const proofs = proofsOf({
      ...client,
      authMethod: 'client_secret_basic',
      clientSecret: new Secret('open/sesame'),
    });
    const basic = btoa('c%3A1:open%2Fsesame');
    const words = `Basic ${basic}, open/sesame or client_secret=open%2Fsesame`;
    assert.equal(redacted(words, proofs), 'Basic [redacted], [redacted] or client_secret=[redacted]');
  });

  it('stay as they are where nothing of ours is in them, escapes included', () => {
    for (const text of ['100 %25 "sure" \\n', 'Bad body: grant_type=x%2Fy', '%', '%zz']) {
      assert.equal(redacted(text, sent), text);
    }
  });

  it('end where nobody would read on', () => assert.equal(redacted('a'.repeat(501)), `${'a'.repeat(500)}…`));
});

import assert from 'node:assert/strict';
import type { IDToken } from 'oauth4webapi';
import { Secret } from '../../src/core/secret.js';
import { identify } from '../../src/oauth/identity.js';

const issuer = 'https://as.example.com/t1';
const jwt = (claims: unknown) =>
  new Secret(`e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`);
const idToken = (claims: object) => claims as IDToken;

describe('identify', () => {
  describe('with an ID token (OpenID Connect Core §5.1)', () => {
    const labels: readonly (readonly [string, object, string])[] = [
      [
        'the e-mail address',
        { email: 'alice@example.com', preferred_username: 'al', name: 'Alice' },
        'alice@example.com',
      ],
      ['else the user name', { preferred_username: 'al', name: 'Alice' }, 'al'],
      ['else the name', { name: 'Alice' }, 'Alice'],
      ['else the subject', {}, 'u-1'],
      [
        'passing over what is empty or no text',
        { email: ' ', preferred_username: 7, name: 'Alice' },
        'Alice',
      ],
      [
        'on one line, without characters that steer',
        { email: 'alice\n@example\u202e.com\u0007' },
        'alice@example.com',
      ],
      [
        'no address that the issuer has not verified',
        { email: 'alice@example.com', email_verified: false, name: 'Bob' },
        'Bob',
      ],
      ['cut where it has no end', { email: 'a'.repeat(500) }, 'a'.repeat(200)],
    ];
    for (const [what, claims, label] of labels) {
      it(`shows ${what}`, () => {
        const tokens = { accessToken: new Secret('opaque'), identity: idToken({ sub: 'u-1', ...claims }) };
        assert.deepEqual(identify(issuer, tokens), { issuer, subject: 'u-1', label });
      });
    }

    it('believes it rather than the access token', () => {
      const tokens = { accessToken: jwt({ iss: issuer, sub: 'bob' }), identity: idToken({ sub: 'alice' }) };
      assert.equal(identify(issuer, tokens).subject, 'alice');
    });

    it('takes the subject verbatim and whole: a part of it may be somebody else', () => {
      const subjects = ['a'.repeat(254) + '1', 'a'.repeat(254) + '2', ' u-1', 'u-1'];
      const found = subjects.map(
        (sub) => identify(issuer, { accessToken: new Secret('x'), identity: idToken({ sub }) }).subject,
      );
      assert.deepEqual(found, subjects);
    });
  });

  describe('without one', () => {
    const nameless = { issuer, subject: '', label: 'as.example.com' };
    const rows: readonly (readonly [string, Secret, object])[] = [
      [
        'reads a JWT of this issuer (RFC 9068 §2.2)',
        jwt({ iss: issuer, sub: 'u-1', email: 'ä@example.com' }),
        { issuer, subject: 'u-1', label: 'ä@example.com' },
      ],
      ['passes over a JWT of another issuer', jwt({ iss: 'https://as.example.com', sub: 'u-1' }), nameless],
      ['passes over a JWT without a subject', jwt({ iss: issuer }), nameless],
      ['passes over a JWT that holds no object', jwt('text'), nameless],
      ['passes over a JWT that holds null', jwt(null), nameless],
      ['passes over an opaque token', new Secret('opaque'), nameless],
      ['passes over an opaque token with dots', new Secret('a.%%%.c'), nameless],
    ];
    for (const [what, accessToken, expected] of rows) {
      it(what, () => assert.deepEqual(identify(issuer, { accessToken }), expected));
    }
  });
});

import assert from 'node:assert/strict';
import * as oauth from 'oauth4webapi';
import { describeError } from '../../src/core/errors.js';
import { readTokenAnswer, type TokenAnswer } from '../../src/oauth/token-answer.js';
import { json, page } from './scripted-fetch.js';

const nowMs = Date.parse('2026-01-01T00:00:00Z');
const tokens = {
  access_token: 'access-2',
  token_type: 'Bearer',
  refresh_token: 'refresh-2',
  expires_in: 3600,
};

const read = (answer: Response): Promise<TokenAnswer> =>
  readTokenAnswer(
    answer,
    (normalized) =>
      oauth.processRefreshTokenResponse({ issuer: 'https://as.example.com' }, { client_id: 'c' }, normalized),
    nowMs,
  );

describe('readTokenAnswer', () => {
  describe('takes for granted (RFC 6749 §5.1)', () => {
    const without = (name: keyof typeof tokens) => ({ ...tokens, [name]: undefined });
    const full = { access: 'access-2', refresh: 'refresh-2', seconds: 3600, scopes: undefined };
    const rows: readonly (readonly [string, object, object])[] = [
      ['a full answer', tokens, full],
      [
        'one without a refresh token (RFC 6749 §6: the present one stays)',
        without('refresh_token'),
        { ...full, refresh: undefined },
      ],
      ['one with a null refresh token', { ...tokens, refresh_token: null }, { ...full, refresh: undefined }],
      ['one with an empty refresh token', { ...tokens, refresh_token: '' }, { ...full, refresh: undefined }],
      ['one without a lifetime', without('expires_in'), { ...full, seconds: undefined }],
      ['one with a null lifetime', { ...tokens, expires_in: null }, { ...full, seconds: undefined }],
      ['one with a lifetime in text', { ...tokens, expires_in: '3600' }, full],
      [
        'one with a lifetime that is no number',
        { ...tokens, expires_in: 'never' },
        { ...full, seconds: undefined },
      ],
      ['one with a lifetime below nothing', { ...tokens, expires_in: -1 }, { ...full, seconds: undefined }],
      ['one with no life at all', { ...tokens, expires_in: 0 }, { ...full, seconds: undefined }],
      [
        'one with a lifetime whose end no record could hold',
        { ...tokens, expires_in: 1e308 },
        { ...full, seconds: undefined },
      ],
      [
        'one with a lifetime that cannot even be text',
        { ...tokens, expires_in: { toString: 1 } },
        { ...full, seconds: undefined },
      ],
      ['one with a scope that is no text', { ...tokens, scope: 7 }, full],
      ['one with a fraction of a second', { ...tokens, expires_in: 0.5 }, { ...full, seconds: 0.5 }],
      ['one with narrower scopes', { ...tokens, scope: 'a  b ' }, { ...full, scopes: ['a', 'b'] }],
      ['one with an empty scope, which says nothing', { ...tokens, scope: '' }, full],
      ['one with a null scope', { ...tokens, scope: null }, full],
      ['one with scopes in a list', { ...tokens, scope: ['a', 'b'] }, { ...full, scopes: ['a', 'b'] }],
      ['one without a token type', without('token_type'), full],
      ['one with a null token type', { ...tokens, token_type: null }, full],
      ['one with the token type in other letters', { ...tokens, token_type: 'bEARER' }, full],
      ['one with members nobody knows', { ...tokens, extra: { a: [1] }, id_token: null }, full],
    ];
    for (const [what, body, expected] of rows) {
      it(what, async () => {
        const answer = await read(json(body));
        assert.ok(answer.kind === 'granted', JSON.stringify(answer));
        const { accessToken, refreshToken, lifetimeSeconds, scopes } = answer.tokens;
        const found = {
          access: accessToken.reveal(),
          refresh: refreshToken?.reveal(),
          seconds: lifetimeSeconds,
          scopes,
        };
        assert.deepEqual(found, expected);
      });
    }

    it('one with an end of the grant itself, as far as it is one', async () => {
      for (const [said, expected] of [
        [604_799, 604_799],
        ['604799', 604_799],
        [0, undefined],
        [-1, undefined],
        ['never', undefined],
        [{}, undefined],
        [1e308, undefined],
      ] as const) {
        const answer = await read(json({ ...tokens, refresh_token_expires_in: said }));
        assert.ok(answer.kind === 'granted', JSON.stringify(said));
        assert.equal(answer.tokens.grantLifetimeSeconds, expected, JSON.stringify(said));
      }
    });

    it('one with something beside it that is nested too deep to be written down again', async () => {
      const text = JSON.stringify({ ...tokens, more: 'DEEP' });
      const deep = '['.repeat(20_000) + ']'.repeat(20_000);
      const answer = await read(new Response(text.replace('"DEEP"', deep)));
      assert.equal(answer.kind === 'granted' && answer.tokens.refreshToken?.reveal(), 'refresh-2');
    });

    it('an answer without a media type, or with the wrong one', async () => {
      for (const type of ['text/html', 'text/plain', 'application/json; charset=utf-8']) {
        const answer = new Response(JSON.stringify(tokens), { headers: { 'content-type': type } });
        assert.equal((await read(answer)).kind, 'granted', type);
      }
    });
  });

  describe('takes for refused for good (RFC 6749 §5.2)', () => {
    const rows: readonly (readonly [string, Response, string])[] = [
      ['400 invalid_grant', json({ error: 'invalid_grant' }, 400), 'refused'],
      [
        '400 invalid_grant with a reason',
        json({ error: 'invalid_grant', error_description: 'Token has been revoked' }, 400),
        'revoked',
      ],
      [
        'its reason in error_subtype, as Google writes it',
        json({ error: 'invalid_grant', error_subtype: 'admin_policy' }, 400),
        'access-removed',
      ],
      ['401 invalid_client', json({ error: 'invalid_client' }, 401), 'client-gone'],
      ['400 unauthorized_client', json({ error: 'unauthorized_client' }, 400), 'client-gone'],
      ['403 invalid_grant', json({ error: 'invalid_grant' }, 403), 'refused'],
      ['400 invalid_target (RFC 8707 §2)', json({ error: 'invalid_target' }, 400), 'refused'],
      ['an error with status 200, as GitHub sends it', json({ error: 'bad_refresh_token' }), 'refused'],
      ['an error beside a null token', json({ error: 'invalid_grant', access_token: null }), 'refused'],
      [
        'an error in a page of another media type',
        new Response('{"error":"invalid_grant"}', { status: 400 }),
        'refused',
      ],
    ];
    for (const [what, answer, reason] of rows) {
      it(what, async () => {
        const judged = await read(answer);
        assert.equal(judged.kind === 'refused' && judged.reason, reason, JSON.stringify(judged));
      });
    }
  });

  describe('takes for trouble that may pass', () => {
    const rows: readonly (readonly [string, Response])[] = [
      ['500', page(500)],
      ['502', page(502)],
      ['503', page(503)],
      ['408', page(408)],
      ['429', json({ error: 'too_many_requests' }, 429)],
      ['503 with an OAuth error', json({ error: 'invalid_grant' }, 503)],
      ['429 with an OAuth error', json({ error: 'invalid_grant' }, 429)],
      ['408 with an OAuth error', json({ error: 'invalid_grant' }, 408)],
      ['temporarily_unavailable (RFC 6749 §4.1.2.1)', json({ error: 'temporarily_unavailable' }, 400)],
      ['server_error (RFC 6749 §4.1.2.1)', json({ error: 'server_error' }, 400)],
      ['slow_down (RFC 8628 §3.5)', json({ error: 'slow_down' }, 400)],
      ['a page of a firewall with 403', page(403)],
      ['a page of a hotel with 200', page(200)],
      [
        'a redirect to a login page',
        new Response(null, { status: 302, headers: { location: 'https://portal.example' } }),
      ],
      ['404 of a gateway', page(404)],
      ['403 in the words of a gateway', json({ message: 'Forbidden' }, 403)],
      [
        '404 in the words of an application server',
        json({ status: 404, error: 'Not Found', path: '/token' }, 404),
      ],
      ['403 in the words of an application server', json({ status: 403, error: 'Forbidden' }, 403)],
      ['401 in the words of an application server', json({ status: 401, error: 'Unauthorized' }, 401)],
      ['400 without an error', json({}, 400)],
      [
        'an error that is no text, as Google APIs write it',
        json({ error: { code: 403, status: 'PERMISSION_DENIED' } }, 403),
      ],
      ['an empty error', json({ error: '' }, 400)],
      ['an empty answer', new Response('', { status: 200 })],
      ['half an answer', new Response('{"access_token":"acc', { status: 200 })],
      ['null', json(null)],
      ['a list', json([tokens])],
      ['text', json('ok')],
      ['a grant without an access token', json({ ...tokens, access_token: undefined })],
      ['a grant with an empty access token', json({ ...tokens, access_token: '' })],
      ['a grant of another token type (RFC 9449)', json({ ...tokens, token_type: 'DPoP' })],
      ['201 with tokens', json(tokens, 201)],
    ];
    for (const [what, answer] of rows) {
      it(what, async () => assert.equal((await read(answer)).kind, 'unavailable'));
    }

    it('and says nothing about the tokens that came with it', async () => {
      const answer = await read(json({ ...tokens, token_type: 'DPoP' }));
      assert.ok(answer.kind === 'unavailable');
      assert.doesNotMatch(describeError(answer.error), /access-2|refresh-2/);
    });
  });

  it('takes no more scopes than anybody has, since they are compared with others', async () => {
    const scope = Array.from({ length: 5_000 }, (_, n) => `scope${n}`).join(' ');
    const answer = await read(json({ ...tokens, scope }));
    assert.equal(answer.kind === 'granted' && answer.tokens.scopes?.length, 1_000);
  });

  describe('reads Retry-After (RFC 9110 §10.2.3)', () => {
    const rows: readonly (readonly [string, string | undefined, number | undefined])[] = [
      ['in seconds', '120', 120_000],
      ['as a date', 'Thu, 01 Jan 2026 00:02:00 GMT', 120_000],
      ['in the past', 'Thu, 01 Jan 2025 00:02:00 GMT', undefined],
      ['of nothing', '0', undefined],
      ['that is nonsense', 'soon', undefined],
      ['that is absent', undefined, undefined],
    ];
    for (const [what, header, expected] of rows) {
      it(what, async () => {
        const answer = await read(page(503, header === undefined ? {} : { 'retry-after': header }));
        assert.equal(answer.kind === 'unavailable' && answer.retryAfterMs, expected);
      });
    }
  });
});

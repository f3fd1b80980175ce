import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isAlive, type LiveCredential } from '../../src/core/credential.js';
import { Secret } from '../../src/core/secret.js';
import { renewed } from '../../src/broker/state/generation.js';
import { isFinal } from '../../src/core/final-error.js';
import { refreshTokens } from '../../src/oauth/token-request.js';
import { parseCredential, serializeCredential } from '../../src/vault/records/record.js';
import { holds } from './fuzz.js';
import { anyText, damaged, documentText } from './texts.js';

const issuer = 'https://as.example.com';
const nowMs = Date.parse('2026-01-01T00:00:00Z');
const refreshToken = new Secret('refresh-1');
const credential: LiveCredential = {
  account: { issuer, subject: 'u', label: 'alice' },
  client: { issuer, clientId: 'c', authMethod: 'none', source: 'dynamic' },
  resource: 'https://mcp.example.com/mcp',
  generation: 1,
  scopes: ['a'],
  tokens: { kind: 'alive', accessToken: new Secret('access-1'), refreshToken, issuedAtMs: 0 },
};

const grants = {
  access_token: ['access-2'],
  token_type: ['Bearer', 'bearer', 'user', null, ''],
  refresh_token: ['refresh-2', null, ''],
  expires_in: [3600, '3600', 0, -1, 1e300, 1e308, 'never', null, {}],
  scope: ['a b', '', null, ['a', 'b'], 7, {}],
  id_token: ['e30.e30.e30', 'x', 7],
  authed_user: [{ id: 'U1' }, { access_token: 'access-3', token_type: 'user' }, null],
};
const refusals = {
  error: [
    'invalid_grant',
    'invalid_client',
    'server_error',
    'slow_down',
    'Forbidden',
    'Not Found',
    '',
    7,
    { code: 403 },
  ],
  error_description: ['Token has been revoked', anyTextOf(200), null, {}],
  error_subtype: ['admin_policy', 7],
};

function anyTextOf(length: number): string {
  return '\u202e<b>'.repeat(length / 4);
}

const bodies = fc.oneof(
  { weight: 5, arbitrary: documentText(grants) },
  { weight: 3, arbitrary: documentText(refusals) },
  { weight: 1, arbitrary: documentText({ ...grants, ...refusals }) },
  { weight: 1, arbitrary: damaged(documentText(grants)) },
  { weight: 1, arbitrary: anyText },
);
const statuses = fc.constantFrom(
  200,
  200,
  200,
  200,
  400,
  400,
  400,
  401,
  403,
  404,
  408,
  429,
  500,
  503,
  201,
  302,
);

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

const isOneOf = (value: unknown, ...values: readonly unknown[]): boolean => values.includes(value);

/** Section 6 of the design in as few words as possible; undefined where it leaves a grant to its details. */
function expected(status: number, body: Record<string, unknown> | undefined): string | undefined {
  if (status >= 500 || status === 408 || status === 429 || body === undefined) return 'unavailable';
  const { error } = body;
  if (typeof error === 'string' && /^[a-z][a-z0-9_]*$/.test(error))
    return isFinal(error) ? 'refused' : 'unavailable';
  if (status !== 200) return 'unavailable';
  const isTyped = isOneOf(body['token_type'], undefined, null, '', 'user', 'Bearer', 'bearer');
  const isPlain =
    isOneOf(body['refresh_token'], undefined, null, '', 'refresh-2') && !('authed_user' in body);
  return isOneOf(body['access_token'], 'access-2') && isTyped && isPlain ? 'granted' : undefined;
}

describe('the answer of a token endpoint', () => {
  holds(
    'is a grant, a refusal in the words of OAuth, or trouble that may pass, and what is granted can be stored',
    80,
    [
      statuses,
      bodies,
      fc.option(fc.oneof(fc.constantFrom('120', '1e9', '9'.repeat(400), 'soon'), fc.nat().map(String))),
    ],
    async (status, text, retryAfter) => {
      const headers = {
        'content-type': 'application/json',
        ...(retryAfter !== null && { 'retry-after': retryAfter }),
      };
      const fetch = () => Promise.resolve(new Response(text, { status, headers }));
      const server = { issuer, token_endpoint: `${issuer}/token` };
      const answer = await refreshTokens(fetch, server, credential, refreshToken, nowMs);
      const body = objectIn(text);
      const wanted = expected(status, body);
      assert.ok(
        wanted === undefined ? answer.kind !== 'refused' : answer.kind === wanted,
        JSON.stringify(answer),
      );
      if (answer.kind === 'unavailable') {
        const { retryAfterMs = 1 } = answer;
        assert.ok(Number.isFinite(retryAfterMs) && retryAfterMs > 0);
      }
      if (answer.kind !== 'granted') return;
      const next = renewed(credential, answer.tokens, 2, nowMs);
      assert.match(next.tokens.accessToken.reveal(), /./);
      const stored = serializeCredential(next);
      const back = parseCredential(stored);
      assert.ok(isAlive(back));
      assert.equal(serializeCredential(back), stored);
    },
  );
});

import assert from 'node:assert/strict';
import type { LiveCredential, Tokens } from '../../src/core/credential.js';
import { hasCode } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { revokeGrant } from '../../src/oauth/revocation.js';
import { json, page, ScriptedFetch } from './scripted-fetch.js';

const issuer = 'https://as.example.com';
const revocation = `${issuer}/revoke`;
const tokens: Tokens = {
  kind: 'alive',
  accessToken: new Secret('access-1'),
  refreshToken: new Secret('refresh-1'),
  issuedAtMs: 0,
};
const credential: LiveCredential = {
  account: { issuer, subject: 'u-1', label: 'alice@example.com' },
  client: { issuer, clientId: 'c', authMethod: 'none', source: 'dynamic' },
  resource: 'https://mcp.example.com/mcp',
  generation: 1,
  scopes: [],
  tokens,
};

async function revoke(answer: Response | (() => Response), given: LiveCredential = credential) {
  const scripted = new ScriptedFetch({ [`POST ${revocation}`]: answer });
  const isRevoked = await revokeGrant(scripted.fetch, { issuer, revocation_endpoint: revocation }, given);
  const forms = scripted.seen.map(({ body }) => Object.fromEntries(new URLSearchParams(body)));
  return { isRevoked, forms };
}

describe('revokeGrant (RFC 7009)', () => {
  it('revokes the refresh token, which ends the grant (RFC 7009 §2.1)', async () => {
    const { isRevoked, forms } = await revoke(new Response(null, { status: 200 }));
    assert.ok(isRevoked);
    assert.deepEqual(forms[0], { token: 'refresh-1', token_type_hint: 'refresh_token', client_id: 'c' });
  });

  it('then revokes the access token, which may outlive the grant, and does not mind if that fails', async () => {
    let answers = 0;
    const { isRevoked, forms } = await revoke(
      () => new Response(null, { status: (answers += 1) === 1 ? 200 : 503 }),
    );
    assert.ok(isRevoked);
    assert.deepEqual(forms[1], { token: 'access-1', token_type_hint: 'access_token', client_id: 'c' });
    assert.equal(forms.length, 2);
  });

  it('revokes the access token when there is no other', async () => {
    const { refreshToken: _, ...without } = tokens;
    const { forms } = await revoke(new Response(null, { status: 200 }), { ...credential, tokens: without });
    assert.deepEqual(forms, [{ token: 'access-1', token_type_hint: 'access_token', client_id: 'c' }]);
  });

  it('says when the issuer did not do it (RFC 7009 §2.2.1)', async () => {
    for (const answer of [json({ error: 'unsupported_token_type' }, 400), page(503), page(404)]) {
      assert.equal((await revoke(answer)).isRevoked, false);
    }
  });

  it('says when the issuer offers no revocation, without asking', async () => {
    assert.equal(await revokeGrant(new ScriptedFetch({}).fetch, { issuer }, credential), false);
  });

  it('throws when the issuer cannot be reached', () =>
    assert.rejects(
      revoke(() => {
        throw new TypeError('fetch failed');
      }),
      (error) => hasCode(error, 'issuer_unreachable'),
    ));
});

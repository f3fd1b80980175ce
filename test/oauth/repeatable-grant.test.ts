import assert from 'node:assert/strict';
import type { Client } from '../../src/core/client.js';
import { Secret } from '../../src/core/secret.js';
import {
  assertionGrant,
  clientCredentials,
  exchangeGrant,
  identityAssertion,
  requestGrant,
  type GrantRequest,
} from '../../src/oauth/repeatable-grant.js';
import { json, page, ScriptedFetch } from './scripted-fetch.js';

const issuer = 'https://as.example.com';
const resource = 'https://mcp.example.com/mcp';
const server = { issuer, token_endpoint: `${issuer}/token` };
const client: Client = { issuer, clientId: 'c', authMethod: 'none', source: 'configured' };
const granted = { access_token: 'access-1', token_type: 'Bearer', expires_in: 60 };
const proof = new Secret('header.payload.signature');

async function ask(request: GrantRequest, answer: Response, scopes: readonly string[] = []) {
  const scripted = new ScriptedFetch({ [`POST ${issuer}/token`]: answer });
  const got = await requestGrant(scripted.fetch, server, client, request, { resource, scopes }, 0);
  return { got, form: scripted.form, asked: scripted.asked };
}

describe('a grant that is repeated', () => {
  const rows: readonly (readonly [string, GrantRequest, Record<string, string>])[] = [
    ['client credentials (RFC 6749 §4.4.2)', clientCredentials(), { grant_type: 'client_credentials' }],
    [
      'an assertion (RFC 7523 §2.1)',
      assertionGrant(proof),
      { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: proof.reveal() },
    ],
    [
      'an exchange (RFC 8693 §2.1)',
      exchangeGrant(proof, 'urn:ietf:params:oauth:token-type:jwt'),
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: proof.reveal(),
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      },
    ],
  ];
  for (const [what, request, expected] of rows) {
    it(`asks by ${what}, with the resource and no scope of its own`, async () => {
      const { got, form } = await ask(request, json(granted));
      assert.deepEqual(form, { ...expected, resource, client_id: 'c' });
      assert.ok(got.kind === 'granted');
      assert.equal(got.tokens.accessToken.reveal(), 'access-1');
    });
  }

  it('names its scopes where there are any', async () => {
    assert.equal((await ask(clientCredentials(), json(granted), ['a', 'b'])).form['scope'], 'a b');
  });

  it('takes an identity assertion for what it is, although it is no access token (RFC 8693 §2.2.1)', async () => {
    const idJag = 'urn:ietf:params:oauth:token-type:id-jag';
    const answer = json({ access_token: 'assertion', token_type: 'N_A', issued_token_type: idJag });
    const { got, form } = await ask(identityAssertion(proof, 'https://mcp-as.example.com'), answer);
    assert.deepEqual(
      [form['requested_token_type'], form['audience'], form['subject_token_type']],
      [idJag, 'https://mcp-as.example.com', 'urn:ietf:params:oauth:token-type:id_token'],
    );
    assert.ok(got.kind === 'granted');
  });

  it('hands on nothing that is no assertion, such as an access token of the identity provider', async () => {
    for (const type of ['urn:ietf:params:oauth:token-type:access_token', undefined]) {
      const answer = json({ ...granted, issued_token_type: type });
      const { got } = await ask(identityAssertion(proof, 'https://mcp-as.example.com'), answer);
      assert.equal(got.kind, 'unavailable');
    }
  });

  it('does not take N_A for an access token', async () => {
    const { got } = await ask(assertionGrant(proof), json({ ...granted, token_type: 'N_A' }));
    assert.equal(got.kind, 'unavailable');
  });

  it('asks once when it is refused, and repeats nothing that it sent', async () => {
    const answer = json({ error: 'invalid_grant', error_description: `${proof.reveal()} has expired` }, 400);
    const { got, asked } = await ask(assertionGrant(proof), answer);
    assert.ok(got.kind === 'refused');
    assert.equal(got.description, '[redacted] has expired');
    assert.equal(asked.length, 1);
  });

  it('keeps a page from being a refusal', async () => {
    assert.equal((await ask(clientCredentials(), page(403))).got.kind, 'unavailable');
  });
});

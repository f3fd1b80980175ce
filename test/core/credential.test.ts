import assert from 'node:assert/strict';
import { keyText, succeeds, type Credential } from '../../src/core/credential.js';
import { Secret } from '../../src/core/secret.js';

describe('the key of a credential', () => {
  const key = { issuer: 'https://as', clientId: 'c', subject: 's', resource: 'https://mcp' };

  it('differs when any part does, also when a part holds what separates others', () => {
    const keys = [
      key,
      { ...key, issuer: 'https://as/' },
      { ...key, clientId: 'c","s' },
      { ...key, clientId: 'c', subject: '","s' },
      { ...key, subject: '' },
      { ...key, resource: 'https://mcp/' },
    ].map(keyText);
    assert.equal(new Set(keys).size, keys.length);
  });

  it('is stable, because it names what is stored', () => {
    assert.equal(keyText(key), '["https://as","c","s","https://mcp"]');
    assert.equal(
      keyText({ resource: key.resource, subject: 's', clientId: 'c', issuer: key.issuer }),
      keyText(key),
    );
  });
});

describe('a record takes the place of another', () => {
  const of = (generation: number, tokens: Credential['tokens']): Credential => ({
    account: { issuer: 'https://as', subject: 's', label: 's' },
    client: { issuer: 'https://as', clientId: 'c', authMethod: 'none', source: 'dynamic' },
    resource: 'https://mcp',
    generation,
    scopes: [],
    tokens,
  });
  const alive = (generation: number, name = 'a', refreshToken = name) =>
    of(generation, {
      kind: 'alive',
      accessToken: new Secret(name),
      refreshToken: new Secret(refreshToken),
      issuedAtMs: 0,
    });
  const refused = (generation: number) =>
    of(generation, { kind: 'refused', reason: 'revoked', refusedAtMs: 0 });

  const rows: readonly (readonly [string, Credential, Credential, boolean])[] = [
    ['when it is newer', alive(2), alive(1), true],
    ['when it is a newer refusal', refused(2), alive(1), true],
    ['not when it is older', alive(1, 'b'), alive(2), false],
    ['not when it is older than a refusal', alive(1), refused(2), false],
    ['not when it is the same', alive(1), alive(1), false],
    ['when another window has written the same generation', alive(1, 'b'), alive(1), true],
    ['when only its refresh token is another', alive(1, 'a', 'b'), alive(1), true],
    ['when it is a grant as new as the refusal', alive(1), refused(1), true],
    ['not when it is a refusal as new as the grant', refused(1), alive(1), false],
    ['not when both are refusals', refused(1), refused(1), false],
  ];
  for (const [what, one, other, expected] of rows) {
    it(what, () => assert.equal(succeeds(one, other), expected));
  }
});

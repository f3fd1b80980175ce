import assert from 'node:assert/strict';
import { ruleFor, withRule, type ClientRule } from '../../src/core/client-rule.js';

const rule = (clientId: string, given: Partial<ClientRule> = {}): ClientRule => ({
  issuer: 'https://accounts.google.com',
  clientId,
  emails: [],
  domains: [],
  isDefault: false,
  ...given,
});

const forAlice = rule('alice', { emails: ['alice@example.com'] });
const forExample = rule('example', { domains: ['example.com'] });
const forAll = rule('all', { isDefault: true });

describe('the client for somebody', () => {
  const rows: readonly [string, readonly ClientRule[], string | undefined, string | undefined, string?][] = [
    ['goes by the address first', [forAll, forExample, forAlice], 'alice@example.com', 'alice'],
    ['goes by the domain next', [forAll, forAlice, forExample], 'bob@example.com', 'example', 'example.com'],
    ['is the one for everybody else', [forAlice, forExample, forAll], 'bob@example.org', 'all'],
    ['takes no notice of letter case', [forAlice, forAll], ' Alice@Example.COM ', 'alice'],
    ['is none for a domain below the one that is named', [forExample], 'bob@mail.example.com', undefined],
    ['is none for a domain that ends alike', [forExample], 'bob@notexample.com', undefined],
    ['is the one for everybody while nobody knows who it is', [forAlice, forAll], undefined, 'all'],
    ['is not guessed, though there is only one', [forAlice], undefined, undefined],
    ['is not guessed for somebody else', [forAlice], 'bob@example.com', undefined],
    ['is none for a name that is no address', [forExample], 'example.com', undefined],
    ['is none for a second sign in an address', [forExample], 'bob@evil@example.com', undefined],
    ['is none where there are none', [], 'alice@example.com', undefined],
  ];
  for (const [title, rules, who, clientId, domain] of rows) {
    it(title, () => {
      const found = ruleFor(rules, who);
      assert.deepEqual([found?.rule.clientId, found?.domain], [clientId, domain]);
    });
  }
});

describe('a new rule', () => {
  it('takes whomever it names from the others', () => {
    const rules = [
      rule('old', {
        emails: ['alice@example.com', 'bob@example.com'],
        domains: ['example.org'],
        isDefault: true,
      }),
      forExample,
    ];
    const next = rule('new', { emails: ['alice@example.com'], domains: ['example.org'], isDefault: true });
    assert.deepEqual(withRule(rules, next), [rule('old', { emails: ['bob@example.com'] }), forExample, next]);
  });

  it('takes the place of the one of the same client', () => {
    assert.deepEqual(withRule([forAlice], rule('alice', { isDefault: true })), [
      rule('alice', { isDefault: true }),
    ]);
  });
});

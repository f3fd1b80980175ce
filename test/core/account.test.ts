import assert from 'node:assert/strict';
import { isCalled, sameAccount, type Account } from '../../src/core/account.js';

const alice: Account = { issuer: 'https://as.example.com', subject: 'u-1', label: 'alice@example.com' };

describe('an account', () => {
  it('is the same when issuer and subject are, whatever its label', () => {
    assert.ok(sameAccount(alice, { ...alice, label: 'Alice' }));
    assert.ok(!sameAccount(alice, { ...alice, subject: 'U-1' }));
    assert.ok(!sameAccount(alice, { ...alice, issuer: 'https://as.example.com/' }));
  });

  it('is called by label or subject, letter case aside', () => {
    assert.ok(isCalled(alice, 'Alice@Example.com'));
    assert.ok(isCalled(alice, 'U-1'));
    assert.ok(!isCalled(alice, 'alice'));
    assert.ok(!isCalled(alice, ''));
  });
});

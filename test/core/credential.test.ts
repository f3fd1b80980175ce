import assert from 'node:assert/strict';
import { keyText } from '../../src/core/credential.js';

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

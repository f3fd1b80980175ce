import assert from 'node:assert/strict';
import fc from 'fast-check';
import { clientAuthMethods, clientSources } from '../../src/core/client.js';
import { keyOf, keyText, parseKeyText, type Credential } from '../../src/core/credential.js';
import { hasCode } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { parseCredential, serializeCredential } from '../../src/vault/record.js';
import { hostileText, property } from './inputs.js';

const text = fc.oneof(hostileText, fc.string());
const secret = fc.string({ minLength: 1 }).map((value) => new Secret(value));
const instant = fc.nat();

const credentials: fc.Arbitrary<Credential> = fc.record({
  account: fc.record({ issuer: text, subject: text, label: text }),
  client: fc.record({
    issuer: text,
    clientId: fc.string({ minLength: 1 }),
    authMethod: fc.constantFrom(...clientAuthMethods),
    source: fc.constantFrom(...clientSources),
  }),
  resource: text,
  generation: fc.integer({ min: 1 }),
  scopes: fc.array(text, { maxLength: 4 }),
  tokens: fc.record(
    { kind: fc.constant('alive' as const), accessToken: secret, refreshToken: secret, issuedAtMs: instant },
    { requiredKeys: ['kind', 'accessToken', 'issuedAtMs'] },
  ),
});

/** A record in which something was changed: a character, a half, or a member. */
const damaged = fc
  .tuple(
    credentials.map(serializeCredential),
    fc.nat(),
    hostileText,
    fc.constantFrom('cut', 'put', 'end', 'swap'),
  )
  .map(([record, at, other, how]) => {
    const place = at % record.length;
    if (how === 'cut') return record.slice(0, place);
    if (how === 'end') return record + other;
    if (how === 'put') return record.slice(0, place) + other + record.slice(place);
    return record.slice(0, place) + other + record.slice(place + other.length);
  });

describe('any stored record', () => {
  property('is what was stored', 0.01, credentials, (credential) => {
    const record = serializeCredential(credential);
    assert.equal(serializeCredential(parseCredential(record)), record);
    assert.deepEqual(parseKeyText(keyText(keyOf(credential))), keyOf(credential));
  });

  property(
    'that is damaged is refused without a word of it, or still a credential',
    0.015,
    damaged,
    (record) => {
      try {
        const { generation, tokens } = parseCredential(record);
        assert.ok(generation >= 1 && ['alive', 'refused'].includes(tokens.kind));
      } catch (error) {
        assert.ok(hasCode(error, 'record_damaged'), String(error));
        assert.equal(error.cause, undefined);
      }
    },
  );
});

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { clientAuthMethods, clientSources, type Client } from '../../src/core/client.js';
import { keyText, parseKeyText, type Credential } from '../../src/core/credential.js';
import { describeError } from '../../src/core/errors.js';
import { refusalReasons } from '../../src/core/refusal.js';
import { Secret } from '../../src/core/secret.js';
import {
  parseClient,
  parseCredential,
  serializeClient,
  serializeCredential,
} from '../../src/vault/records/record.js';
import { holds } from './fuzz.js';
import { resultOf } from './outcome.js';
import { anyText, damaged, documentText } from './texts.js';

/** Recognizable wherever it should not be. */
const secret = anyText.map((text) => new Secret(`hunter2 ${text}`));
const instant = fc.oneof(
  fc.nat(),
  fc.double({ min: 0, max: 8.64e15, noNaN: true }).map((value) => value + 0),
);
const filled = anyText.filter((text) => text !== '');

/** Some of the optional members. */
const client: fc.Arbitrary<Client> = fc.record(
  {
    issuer: anyText,
    clientId: filled,
    authMethod: fc.constantFrom(...clientAuthMethods),
    source: fc.constantFrom(...clientSources),
    clientSecret: secret,
    privateKey: secret,
    redirectUri: anyText,
    otherRedirectUris: fc.array(anyText),
    isRedirectFixed: fc.constant(true as const),
  },
  { requiredKeys: ['issuer', 'clientId', 'authMethod', 'source'] },
);

const credential: fc.Arbitrary<Credential> = fc.record({
  account: fc.record({ issuer: anyText, subject: anyText, label: anyText }),
  client,
  resource: anyText,
  generation: fc.integer({ min: 1 }),
  scopes: fc.array(anyText, { maxLength: 3 }),
  tokens: fc.oneof(
    fc.record(
      {
        kind: fc.constant('alive'),
        accessToken: secret,
        issuedAtMs: instant,
        refreshToken: secret,
        expiresAtMs: instant,
        signedInAtMs: instant,
        grantedAtMs: instant,
        grantEndsAtMs: instant,
        dpopKey: secret,
        loginDigest: anyText,
        isLoginUnproven: fc.constant(true as const),
        quotaProject: anyText,
      },
      { requiredKeys: ['kind', 'accessToken', 'issuedAtMs'] },
    ),
    fc.record(
      {
        kind: fc.constant('refused'),
        reason: fc.constantFrom(...refusalReasons),
        refusedAtMs: instant,
        signedInAtMs: instant,
      },
      { requiredKeys: ['kind', 'reason', 'refusedAtMs'] },
    ),
  ),
});

/** JSON that is a record in most of its members, with secrets where no secret should be. */
const nearly = documentText({
  version: [1, 2, 'hunter2'],
  account: [
    { issuer: 'i', subject: 's', label: 'l' },
    { issuer: 'i', subject: 's', hunter2: 1 },
  ],
  client: [{ issuer: 'i', clientId: 'c', authMethod: 'none', source: 'dynamic' }, { hunter2: 'c' }],
  resource: ['r', ['hunter2']],
  generation: [1, 0, 'hunter2'],
  scopes: [['a'], ['a', { hunter2: 1 }]],
  tokens: [
    { kind: 'alive', accessToken: 'hunter2 a', issuedAtMs: 1 },
    { kind: 'alive', accessToken: ['hunter2'], issuedAtMs: 1, hunter2: 1 },
    { kind: 'hunter2' },
  ],
  hunter2: [1],
  'hunter2\n[error] forged': [1],
});

/** What is in a record, with secrets that can be compared. Nothing of what is tested helps: it could lose a part twice. */
function revealed(value: unknown): unknown {
  if (value instanceof Secret) return `secret ${value.reveal()}`;
  if (Array.isArray(value)) return value.map(revealed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, revealed(member)]));
}

/** How our registration is managed is no part of a credential. */
const contentOf = ({ client: { management: _, ...client }, ...credential }: Credential): unknown =>
  revealed({ ...credential, client });

/** Reads `text`, which is a record or a failure that repeats nothing of it. */
async function read<T>(parse: (text: string) => T, text: string): Promise<T | undefined> {
  return resultOf(() => {
    try {
      return parse(text);
    } catch (error) {
      assert.doesNotMatch(describeError(error), /hunter2/);
      throw error;
    }
  }, 'record_damaged');
}

describe('a stored record', () => {
  holds('of a credential comes back as it was', 40, [credential], (written) => {
    const back = parseCredential(serializeCredential(written));
    assert.deepEqual(contentOf(back), contentOf(written));
    assert.ok(!JSON.stringify(back).includes('hunter2'), 'A secret has lost its type.');
  });

  holds('of a client comes back as it was', 10, [client], (written) => {
    assert.deepEqual(revealed(parseClient(serializeClient(written))), revealed(written));
  });

  const texts = fc.oneof(damaged(credential.map(serializeCredential)), nearly, anyText);
  holds(
    'that is damaged is a record still, or says that it is damaged and nothing else',
    60,
    [texts],
    async (text) => {
      const found = await read(parseCredential, text);
      if (found !== undefined)
        assert.deepEqual(contentOf(parseCredential(serializeCredential(found))), contentOf(found));
      await read(parseClient, text);
    },
  );
});

describe('the text of a key', () => {
  const parts = { issuer: anyText, clientId: anyText, subject: anyText, resource: anyText };
  const key = fc.record(parts, { noNullPrototype: true });
  holds('stands for that key and no other', 20, [key, key], (one, other) => {
    assert.deepEqual(parseKeyText(keyText(one)), one);
    const isSame =
      one.issuer === other.issuer &&
      one.clientId === other.clientId &&
      one.subject === other.subject &&
      one.resource === other.resource;
    assert.equal(keyText(one) === keyText(other), isSame);
  });

  const lists = fc
    .array(fc.oneof(anyText, fc.constant(null)), { maxLength: 6 })
    .map((list) => JSON.stringify(list));
  holds(
    'stands for none when it is anything else',
    10,
    [fc.oneof(anyText, damaged(key.map(keyText)), lists)],
    (text) => {
      const found = parseKeyText(text);
      if (found === undefined) return;
      assert.deepEqual(JSON.parse(text), [found.issuer, found.clientId, found.subject, found.resource]);
    },
  );
});

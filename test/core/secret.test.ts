import assert from 'node:assert/strict';
import { format, inspect } from 'node:util';
import { BrokerError, describeError } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';

const value = 'very-secret-token';

describe('a secret', () => {
  const secret = new Secret(value);
  const holder = { credential: { token: secret }, list: [secret] };

  const prints: Readonly<Record<string, () => string>> = {
    'String()': () => String(secret),
    'a template': () => `token: ${secret as unknown as string}`,
    'a sum': () => 'token: ' + (secret as unknown as string),
    'JSON.stringify, alone': () => JSON.stringify(secret),
    'JSON.stringify, deep inside': () => JSON.stringify(holder, null, 2),
    'util.inspect, with everything shown': () =>
      inspect(holder, { depth: null, showHidden: true, getters: true }),
    'console formatting': () => format('%s %o %O %j', secret, secret, holder, holder),
    'its keys and values': () => JSON.stringify([Reflect.ownKeys(secret), Object.entries(secret)]),
    'a structured clone': () => inspect(structuredClone(holder), { depth: null, showHidden: true }),
    'an error made of it': () =>
      inspect(
        new BrokerError('grant_refused', `Refused ${secret.toString()}`, {
          cause: new Error(String(secret)),
          details: { token: String(secret) },
        }),
        { depth: null, showHidden: true },
      ),
    'a described error': () => describeError(new Error('outer', { cause: secret })),
  };
  for (const [way, print] of Object.entries(prints)) {
    it(`is not printed by ${way}`, () => assert.ok(!print().includes(value), print()));
  }

  it('says that it is redacted, so that a log line shows where one would be', () => {
    assert.equal(String(secret), '[redacted]');
    assert.equal(JSON.stringify({ secret }), '{"secret":"[redacted]"}');
  });

  it('is revealed on request, and compared by value', () => {
    assert.equal(secret.reveal(), value);
    assert.ok(secret.equals(new Secret(value)));
    assert.ok(!secret.equals(new Secret(`${value}x`)));
  });
});

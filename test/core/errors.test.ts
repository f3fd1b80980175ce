import assert from 'node:assert/strict';
import { assertNever } from '../../src/core/assert-never.js';
import { BrokerError, describeError, hasCode } from '../../src/core/errors.js';

describe('errors', () => {
  const inner = new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
  const error = new BrokerError('issuer_unreachable', 'No answer from "as".', { cause: inner });

  it('are told apart by code', () => {
    assert.ok(hasCode(error, 'grant_refused', 'issuer_unreachable'));
    assert.ok(!hasCode(error, 'grant_refused'));
    assert.ok(!hasCode({ code: 'issuer_unreachable' }, 'issuer_unreachable'));
    assert.ok(!hasCode(undefined, 'issuer_unreachable'));
  });

  it('are described with code, message and every cause, on one line', () => {
    assert.equal(
      describeError(error),
      'issuer_unreachable: "No answer from \\"as\\"." ← TypeError: "fetch failed" ← Error: "connect ECONNREFUSED"',
    );
    assert.equal(describeError(new Error('two\nlines')), 'Error: "two\\nlines"');
  });

  it('are described whatever was thrown', () => {
    assert.equal(describeError('text\n'), '"text\\n"');
    assert.equal(describeError(undefined), '"undefined"');
  });

  it('are described without a cause that is no error, which may be a whole answer', () => {
    for (const cause of [{ body: { access_token: 't' } }, new URLSearchParams({ code: 'c' }), 'text']) {
      assert.equal(describeError(new Error('a', { cause })), 'Error: "a"');
    }
  });

  it('have no cause unless one was given, and no details are an empty record', () => {
    const plain = new BrokerError('grant_refused', 'Dead.');
    assert.ok(!('cause' in plain));
    assert.deepEqual(plain.details, {});
  });

  it('name the kind that a switch forgot', () => {
    assert.throws(() => assertNever({ kind: 'new' } as never), /"new"/);
  });
});

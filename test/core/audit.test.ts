import assert from 'node:assert/strict';
import { auditKinds, parseRecord, recordOf, type AuditEvent } from '../../src/core/audit.js';
import { Secret } from '../../src/core/secret.js';

const atMs = Date.parse('2026-01-01T12:00:00Z');
const of = (event: AuditEvent) => recordOf(event, atMs, () => 'f1f2');
const time = '2026-01-01T12:00:00.000Z';
const token = `eyJhbGciOiJub25l.${'a'.repeat(40)}.b`;

describe('the record of an audit event', () => {
  it('has what the event has, with a fingerprint in the token’s place', () => {
    const event: AuditEvent = {
      kind: 'refresh',
      outcome: 'renewed',
      server: 'tickets',
      account: { issuer: 'https://login.example.com', subject: 's', label: 'alice@example.com' },
      resource: 'https://tickets.example.com/mcp',
      token: new Secret('token-of-alice'),
      generation: 3,
      scopes: ['read', 'write'],
      code: 'grant_refused',
    };
    const record = of(event);
    assert.deepEqual(record, {
      time,
      kind: 'refresh',
      outcome: 'renewed',
      server: 'tickets',
      account: 'alice@example.com',
      issuer: 'https://login.example.com',
      resource: 'https://tickets.example.com/mcp',
      credential: 'f1f2',
      generation: 3,
      scopes: ['read', 'write'],
      code: 'grant_refused',
    });
    assert.deepEqual(parseRecord(JSON.stringify(record)), record);
  });

  it('has nothing else', () => assert.deepEqual(of({ kind: 'import' }), { time, kind: 'import' }));

  it('masks what looks like a token in every text, and cuts what is long', () => {
    const account = { issuer: `https://x/${token}`, subject: token, label: `Bearer ${token}` };
    const scopes = Array.from({ length: 80 }, () => token);
    const text = JSON.stringify(
      of({ kind: 'refusal', outcome: token, server: token, resource: token, account, scopes }),
    );
    assert.doesNotMatch(text, /aaaa/);
    const long = of({ kind: 'refusal', server: 'x'.repeat(5_000), scopes });
    assert.deepEqual([long.server?.length, long.scopes?.length], [300, 50]);
  });

  it('is one line, whatever a server says', () => {
    assert.doesNotMatch(JSON.stringify(of({ kind: 'refusal', outcome: 'a\r\nb\u2028' })), /[\r\n]/);
  });
});

describe('a line of the audit trail', () => {
  for (const kind of auditKinds) {
    it(`can be a ${kind}`, () => assert.equal(parseRecord(JSON.stringify({ time, kind }))?.kind, kind));
  }

  for (const damaged of [
    '',
    'x',
    'null',
    '7',
    '[]',
    '{}',
    `{"time":"${time}"}`,
    `{"time":"${time}","kind":"reboot"}`,
    '{"time":"yesterday","kind":"refresh"}',
    '{"time":1,"kind":"refresh"}',
    `{"time":"${time}","kind":"refresh","server":7}`,
    `{"time":"${time}","kind":"refresh","generation":"7"}`,
    `{"time":"${time}","kind":"refresh","scopes":"a b"}`,
    `{"time":"${time}","kind":"refresh","scopes":[7]}`,
    `{"time":"${time}","kind":"refresh"`,
  ]) {
    it(`is damaged when it is ${damaged}`, () => assert.equal(parseRecord(damaged), undefined));
  }
});

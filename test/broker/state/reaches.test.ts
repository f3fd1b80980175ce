import assert from 'node:assert/strict';
import { Reaches } from '../../../src/broker/state/reaches.js';
import { AllowedOrigins } from '../../../src/vault/records/allowed-origins.js';
import { FakeMemento } from '../../support/fake-memento.js';
import { RecordingLog } from '../../support/recording-log.js';

const google = 'https://accounts.google.com';
const alice = { issuer: google, subject: '1', label: 'alice@example.com' };

describe('where the tokens of a credential may go', () => {
  const allowed = new AllowedOrigins(new FakeMemento(), new RecordingLog());
  const audienceless = (issuer: string) => (issuer === google ? ['https://*.googleapis.com'] : undefined);
  const missingScopes = (_issuer: string, granted: readonly string[], wanted: readonly string[]) =>
    wanted.filter((scope) => !granted.includes(scope));
  const reaches = new Reaches({ audienceless, missingScopes }, allowed);
  const scopes = ['read'];

  it('is the resource, where they name one', () => {
    const resource = 'https://mcp.example.com/mcp';
    assert.deepEqual(reaches.of({ account: alice, resource, scopes }), { kind: 'resource', resource });
    assert.ok(!reaches.isForAll({ account: alice, resource }));
  });

  it('is the issuer’s own origins, and what the user has allowed for this account', async () => {
    const issued = { account: alice, resource: google, scopes };
    assert.ok(reaches.isForAll(issued));
    assert.ok(reaches.isWithin(issued, 'https://gmailmcp.googleapis.com/mcp/v1'));
    assert.ok(!reaches.isWithin(issued, 'https://mcp.example.com/mcp'));
    await allowed.allow(alice, 'https://mcp.example.com', scopes);
    assert.ok(reaches.isWithin(issued, 'https://mcp.example.com/mcp'));
    assert.ok(
      !reaches.isWithin({ ...issued, account: { ...alice, subject: '2' } }, 'https://mcp.example.com/mcp'),
    );
  });

  it('is not where the user has allowed less than they do now', async () => {
    await allowed.allow(alice, 'https://less.example.com', ['read']);
    const issued = { account: alice, resource: google };
    const isWithin = (...now: string[]) =>
      reaches.isWithin({ ...issued, scopes: now }, 'https://less.example.com');
    assert.deepEqual([isWithin(), isWithin('read'), isWithin('read', 'send')], [true, true, false]);
  });

  it('is the server alone, where that is its own authorization server', () => {
    const own = 'https://mcp.example.com';
    const issued = { account: { ...alice, issuer: own }, resource: own, scopes };
    assert.deepEqual(reaches.of(issued), { kind: 'resource', resource: own });
    assert.ok(!reaches.isWithin(issued, 'https://gmailmcp.googleapis.com/mcp/v1'));
  });

  it('tells who has signed in at an issuer for all its servers', () => {
    const listed = { account: alice, clientId: 'c', resource: google, scopes };
    const others = [
      { ...listed, resource: 'https://mcp.example.com/mcp' },
      { ...listed, grant: { kind: 'google' as const } },
      {
        ...listed,
        account: { ...alice, issuer: 'https://as.example.com' },
        resource: 'https://as.example.com',
      },
    ];
    assert.deepEqual(reaches.signedInAt([...others, listed], google), [listed]);
  });
});

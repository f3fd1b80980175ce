import assert from 'node:assert/strict';
import { Reaches } from '../../src/broker/reaches.js';
import { AllowedOrigins } from '../../src/vault/allowed-origins.js';
import { FakeMemento } from '../support/fake-memento.js';
import { RecordingLog } from '../support/recording-log.js';

const google = 'https://accounts.google.com';
const alice = { issuer: google, subject: '1', label: 'alice@example.com' };

describe('where the tokens of a credential may go', () => {
  const allowed = new AllowedOrigins(new FakeMemento(), new RecordingLog());
  const audienceless = (issuer: string) => (issuer === google ? ['https://*.googleapis.com'] : undefined);
  const reaches = new Reaches({ audienceless }, allowed);

  it('is the resource, where they name one', () => {
    const resource = 'https://mcp.example.com/mcp';
    assert.deepEqual(reaches.of({ account: alice, resource }), { kind: 'resource', resource });
    assert.ok(!reaches.isForAll({ account: alice, resource }));
  });

  it('is the issuer’s own origins, and what the user has allowed for this account', async () => {
    const issued = { account: alice, resource: google };
    assert.ok(reaches.isForAll(issued));
    assert.ok(reaches.isWithin(issued, 'https://gmailmcp.googleapis.com/mcp/v1'));
    assert.ok(!reaches.isWithin(issued, 'https://mcp.example.com/mcp'));
    await allowed.allow(alice, 'https://mcp.example.com');
    assert.ok(reaches.isWithin(issued, 'https://mcp.example.com/mcp'));
    assert.ok(
      !reaches.isWithin({ ...issued, account: { ...alice, subject: '2' } }, 'https://mcp.example.com/mcp'),
    );
  });

  it('is the server alone, where that is its own authorization server', () => {
    const own = 'https://mcp.example.com';
    const issued = { account: { ...alice, issuer: own }, resource: own };
    assert.deepEqual(reaches.of(issued), { kind: 'resource', resource: own });
    assert.ok(!reaches.isWithin(issued, 'https://gmailmcp.googleapis.com/mcp/v1'));
  });
});

import assert from 'node:assert/strict';
import { AllowedOrigins } from '../../../src/vault/records/allowed-origins.js';
import { FakeMemento } from '../../support/fake-memento.js';
import { RecordingLog } from '../../support/recording-log.js';

const alice = { issuer: 'https://accounts.google.com', subject: '1', label: 'alice@example.com' };

describe('the origins that the user has allowed', () => {
  it('hold for one account, in every window, until they are known by heart', async () => {
    const memento = new FakeMemento();
    const log = new RecordingLog();
    assert.deepEqual(new AllowedOrigins(memento, log).of(alice), []);
    await new AllowedOrigins(memento, log).allow(alice, 'https://a.example.com', ['read']);
    await new AllowedOrigins(memento, log).allow(alice, 'https://b.example.com', ['read']);
    await new AllowedOrigins(memento, log).allow(alice, 'https://a.example.com', ['read', 'send']);
    const again = new AllowedOrigins(memento, log);
    assert.deepEqual(
      again.of(alice).map(({ origin, scopes }) => [origin, scopes]),
      [
        ['https://a.example.com', ['read', 'send']],
        ['https://b.example.com', ['read']],
      ],
    );
    assert.deepEqual(again.of({ ...alice, subject: '2' }), []);
    assert.deepEqual(again.of({ ...alice, issuer: 'https://other.example.com' }), []);
  });

  it('leave room for places of another kind, which are no origins and stay as they are', async () => {
    const memento = new FakeMemento();
    const log = new RecordingLog();
    const command = { issuer: alice.issuer, subject: '1', command: ['npx', 'server'], scopes: ['read'] };
    await memento.update('command:x', command);
    const allowed = new AllowedOrigins(memento, log);
    await allowed.allow(alice, 'https://a.example.com', ['read']);
    assert.deepEqual(
      allowed.all().map(({ origin }) => origin),
      ['https://a.example.com'],
    );
    await allowed.forget(alice);
    assert.deepEqual(memento.keys(), ['command:x']);
    assert.deepEqual(memento.get('command:x'), command);
    assert.deepEqual(log.lines, []);
  });

  it('are taken back one by one, or all that were allowed for an account', async () => {
    const bob = { ...alice, subject: '2', label: 'bob@example.com' };
    const allowed = new AllowedOrigins(new FakeMemento(), new RecordingLog());
    for (const account of [alice, bob])
      for (const origin of ['https://a.example.com', 'https://b.example.com'])
        await allowed.allow(account, origin, []);
    await allowed.withdraw({ issuer: alice.issuer, subject: '1', origin: 'https://a.example.com' });
    const origins = (account: typeof alice) => allowed.of(account).map(({ origin }) => origin);
    assert.deepEqual(origins(alice), ['https://b.example.com']);
    await allowed.forget(bob);
    assert.deepEqual([origins(alice), origins(bob)], [['https://b.example.com'], []]);
  });

  it('are none where an entry is damaged', async () => {
    const memento = new FakeMemento();
    await memento.update('origin:no json', {});
    await memento.update(`origin:${JSON.stringify([alice.issuer, '1', 'https://a.example.com'])}`, 'yes');
    assert.deepEqual(new AllowedOrigins(memento, new RecordingLog()).of(alice), []);
  });
});

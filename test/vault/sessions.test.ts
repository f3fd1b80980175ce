import assert from 'node:assert/strict';
import type { ServerId } from '../../src/core/server.js';
import { Sessions } from '../../src/vault/sessions.js';
import { FakeMemento } from '../support/fake-memento.js';
import { RecordingLog } from '../support/recording-log.js';

const [server, other] = ['notes' as ServerId, 'mail' as ServerId];
const accountOf = (subject: string) => ({ issuer: 'https://as.example.com', subject, label: subject });
const [alice, bob] = [accountOf('alice'), accountOf('bob')];
const dayMs = 24 * 3_600_000;

describe('sessions', () => {
  let memento: FakeMemento;
  let log: RecordingLog;
  const open = () => new Sessions(memento, log);

  beforeEach(() => {
    [memento, log] = [new FakeMemento(), new RecordingLog()];
  });

  it('belong to the account that opened them, also after a reload', async () => {
    const sessions = open();
    await sessions.open(server, 's-1', alice, 0);
    assert.deepEqual(await sessions.accountOf(server, 's-1'), alice);
    assert.deepEqual(await open().accountOf(server, 's-1'), alice);
  });

  it('belong to nobody when we did not open them, and to one server', async () => {
    const sessions = open();
    await sessions.open(server, 's-1', alice, 0);
    assert.equal(await sessions.accountOf(server, 's-2'), undefined);
    assert.equal(await sessions.accountOf(other, 's-1'), undefined);
  });

  it('never change their account', async () => {
    const sessions = open();
    await sessions.open(server, 's-1', alice, 0);
    await sessions.open(server, 's-1', bob, 1);
    assert.deepEqual(await sessions.accountOf(server, 's-1'), alice);
    assert.deepEqual(await open().accountOf(server, 's-1'), alice);
  });

  it('never change their account in another window either', async () => {
    await open().open(server, 's-1', alice, 0);
    const later = open();
    await later.open(server, 's-1', bob, 1);
    assert.deepEqual(await later.accountOf(server, 's-1'), alice);
  });

  it('are forgotten when they are closed', async () => {
    const sessions = open();
    await sessions.open(server, 's-1', alice, 0);
    await sessions.open(server, 's-2', alice, 0);
    await sessions.close(server, 's-1');
    assert.equal(await sessions.accountOf(server, 's-1'), undefined);
    assert.deepEqual(await open().accountOf(server, 's-2'), alice);
    assert.equal(memento.keys().length, 1);
  });

  it('are stored without their ids', async () => {
    await open().open(server, 'session-id-1', alice, 0);
    assert.doesNotMatch(memento.text, /session-id-1/);
  });

  it('are forgotten after thirty days, and not a day before', async () => {
    const sessions = open();
    await sessions.open(server, 'old', alice, 0);
    await sessions.open(server, 'young', bob, dayMs);
    await open().prune(30.5 * dayMs);
    assert.equal(await open().accountOf(server, 'old'), undefined);
    assert.deepEqual(await open().accountOf(server, 'young'), bob);
  });

  it('are pruned past a damaged one', async () => {
    await open().open(server, 'old', alice, 0);
    await memento.update('session:bad', 7);
    await open().prune(31 * dayMs);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(memento.keys(), ['damaged:session:bad']);
    assert.equal(log.at('error').length, 1);
  });
});

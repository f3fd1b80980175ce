import assert from 'node:assert/strict';
import type { ServerId } from '../../../src/core/server.js';
import { MemoryLedger } from '../../../src/vault/ledgers/memory-ledger.js';
import { Sessions } from '../../../src/vault/ledgers/sessions.js';
import { defaultRules } from '../../support/default-rules.js';
import { FakeClock } from '../../support/fake-clock.js';
import { RecordingLog } from '../../support/recording-log.js';

const [server, other] = ['notes' as ServerId, 'mail' as ServerId];
const accountOf = (subject: string) => ({ issuer: 'https://as.example.com', subject, label: subject });
const [alice, bob] = [accountOf('alice'), accountOf('bob')];
const dayMs = 24 * 3_600_000;

describe('sessions', () => {
  let ledger: MemoryLedger;
  let clock: FakeClock;
  let sessions: Sessions;
  const log = new RecordingLog();
  const open = () => new Sessions({ ledger, clock, log }, defaultRules);
  const reload = async () => {
    await sessions.end();
    sessions = open();
  };

  beforeEach(() => {
    [ledger, clock] = [new MemoryLedger(), new FakeClock()];
    sessions = open();
  });
  afterEach(() => sessions.end());

  it('belong to the account that opened them, also after a reload', async () => {
    await sessions.open(server, 's-1', alice);
    assert.deepEqual(await sessions.accountOf(server, 's-1'), alice);
    await reload();
    assert.deepEqual(await sessions.accountOf(server, 's-1'), alice);
  });

  it('are at hand as soon as they were opened or looked up, for their own server, until they are closed', async () => {
    assert.equal(sessions.accountAtHand(server, 's-1'), undefined);
    await sessions.open(server, 's-1', alice);
    assert.deepEqual(sessions.accountAtHand(server, 's-1'), alice);
    assert.equal(sessions.accountAtHand(other, 's-1'), undefined);
    await reload();
    assert.equal(sessions.accountAtHand(server, 's-1'), undefined);
    await sessions.accountOf(server, 's-1');
    assert.deepEqual(sessions.accountAtHand(server, 's-1'), alice);
    await sessions.close(server, 's-1');
    assert.equal(sessions.accountAtHand(server, 's-1'), undefined);
  });

  it('belong to nobody when we did not open them, and to one server', async () => {
    await sessions.open(server, 's-1', alice);
    assert.equal(await sessions.accountOf(server, 's-2'), undefined);
    assert.equal(await sessions.accountOf(other, 's-1'), undefined);
  });

  it('never change their account', async () => {
    await sessions.open(server, 's-1', alice);
    await sessions.open(server, 's-1', bob);
    assert.deepEqual(await sessions.accountOf(server, 's-1'), alice);
    await reload();
    assert.deepEqual(await sessions.accountOf(server, 's-1'), alice);
  });

  it('never change their account in another window either, which has just begun to read', async () => {
    await sessions.open(server, 's-1', alice);
    await reload();
    clock.advance(1);
    await sessions.open(server, 's-1', bob);
    assert.deepEqual(await sessions.accountOf(server, 's-1'), alice);
  });

  it('are forgotten when they are closed', async () => {
    await sessions.open(server, 's-1', alice);
    await sessions.open(server, 's-2', alice);
    await sessions.close(server, 's-1');
    assert.equal(await sessions.accountOf(server, 's-1'), undefined);
    await reload();
    assert.deepEqual(await sessions.accountOf(server, 's-2'), alice);
    assert.equal(await sessions.accountOf(server, 's-1'), undefined);
  });

  it('are stored without their ids', async () => {
    await sessions.open(server, 'session-id-1', alice);
    await sessions.end();
    assert.equal(ledger.lines.length, 1);
    assert.doesNotMatch(ledger.lines.join(), /session-id-1/);
  });

  it('are forgotten after thirty days, and not a day before', async () => {
    await sessions.open(server, 'old', alice);
    clock.advance(dayMs);
    await sessions.open(server, 'young', bob);
    clock.advance(29.5 * dayMs);
    await reload();
    assert.equal(await sessions.accountOf(server, 'old'), undefined);
    assert.deepEqual(await sessions.accountOf(server, 'young'), bob);
  });

  it('share what they know of their accounts', async () => {
    for (let n = 0; n < 3; n++) await sessions.open(server, `s-${n}`, { ...alice });
    await reload();
    const accounts = [0, 1, 2].map((n) => sessions.accountOf(server, `s-${n}`));
    assert.equal(new Set(await Promise.all(accounts)).size, 1);
  });

  it('are as many as the user says, the youngest ones', async () => {
    const few = { ...defaultRules, sessionsKeepCount: () => 2 };
    const mine = new Sessions({ ledger, clock, log }, few);
    for (let n = 0; n < 3; n++) {
      await mine.open(server, `s-${n}`, alice);
      clock.advance(1);
    }
    assert.deepEqual([await mine.accountOf(server, 's-0'), mine.size], [undefined, 2]);
    await mine.end();
  });

  it('are looked up as often as there are more of them than digests at hand', async () => {
    for (let n = 0; n < 1_100; n++) await sessions.open(server, `s-${n}`, n % 2 === 0 ? alice : bob);
    for (let n = 0; n < 1_100; n += 100) {
      assert.deepEqual(await sessions.accountOf(server, `s-${n}`), alice);
    }
  });
});

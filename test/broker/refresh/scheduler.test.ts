import assert from 'node:assert/strict';
import { Holdings } from '../../../src/broker/state/holdings.js';
import { Leads } from '../../../src/broker/refresh/leads.js';
import type { Refresher } from '../../../src/broker/refresh/refresher.js';
import { Scheduler } from '../../../src/broker/refresh/scheduler.js';
import { Counters } from '../../../src/core/counters.js';
import { keyOf, keyText, type LiveCredential, type Tokens } from '../../../src/core/credential.js';
import { BrokerError, type ErrorCode } from '../../../src/core/errors.js';
import { Secret } from '../../../src/core/secret.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeNetwork } from '../../support/fake-network.js';
import { RecordingLog } from '../../support/recording-log.js';

const [second, minute, hour] = [1_000, 60_000, 3_600_000];
const issuer = 'https://as.example.com';

/** A refresher whose renewals go on until the test ends them. */
class PendingRefresher implements Pick<Refresher, 'refresh'> {
  readonly asked: string[] = [];
  hasRoom = true;

  constructor(private readonly holdings: Holdings) {}

  refresh(key: string): Promise<LiveCredential> {
    this.asked.push(key);
    if (!this.hasRoom) return Promise.reject(new BrokerError('refresh_queue_full', 'No place.'));
    this.holdings.setActivity(key, { kind: 'refreshing' });
    return new Promise(() => undefined);
  }
}

describe('the scheduler', () => {
  let clock: FakeClock;
  let holdings: Holdings;
  let refresher: PendingRefresher;
  let network: FakeNetwork;
  let scheduler: Scheduler;
  let leadMs: number;
  let counters: Counters;

  beforeEach(() => {
    clock = new FakeClock();
    holdings = new Holdings((error) => assert.ifError(error));
    refresher = new PendingRefresher(holdings);
    network = new FakeNetwork();
    leadMs = 15 * minute;
    counters = new Counters();
    const leads = new Leads(
      () => leadMs,
      () => 0,
    );
    scheduler = new Scheduler({
      clock,
      log: new RecordingLog(),
      holdings,
      leads,
      refresher,
      network,
      chores: [],
      counters,
    });
  });

  function take(subject: string, lifeMs: number | undefined, isRenewable = true, generation = 1): string {
    const nowMs = clock.nowMs();
    const tokens: Tokens = {
      kind: 'alive',
      accessToken: new Secret('a'),
      ...(isRenewable && { refreshToken: new Secret('r') }),
      issuedAtMs: nowMs,
      ...(lifeMs !== undefined && { expiresAtMs: nowMs + lifeMs }),
    };
    const credential: LiveCredential = {
      account: { issuer, subject, label: subject },
      client: { issuer, clientId: 'c', authMethod: 'none', source: 'dynamic' },
      resource: 'https://mcp.example.com/mcp',
      generation,
      scopes: [],
      tokens,
    };
    holdings.take(credential);
    return keyText(keyOf(credential));
  }

  it('renews after four fifths of a short life, and not a moment earlier', () => {
    const key = take('alice', 5 * second);
    clock.advance(4 * second - 1);
    assert.deepEqual(refresher.asked, []);
    clock.advance(1);
    assert.deepEqual(refresher.asked, [key]);
  });

  it('has one timer for all, for whatever is due next', () => {
    const slow = take('alice', 50 * second);
    const quick = take('bob', 5 * second);
    take('carol', hour);
    assert.deepEqual(clock.pending, [4 * second]);
    clock.advance(4 * second);
    assert.deepEqual(refresher.asked, [quick]);
    assert.equal(clock.pending.length, 1);
    clock.advance(36 * second);
    assert.deepEqual(refresher.asked, [quick, slow]);
    assert.equal(clock.pending.length, 1);
  });

  it('goes to sleep for a minute at most, so that it finds out when the clock has jumped', () => {
    const key = take('alice', 10 * hour);
    assert.deepEqual(clock.pending, [minute]);
    assert.equal(counters.get('background.wakesAtMs'), clock.nowMs() + minute);
    assert.equal(counters.conditions['background.service'], 'running');
    clock.sleep(12 * hour);
    assert.deepEqual(refresher.asked, []);
    clock.advance(minute);
    assert.deepEqual(refresher.asked, [key]);
  });

  it('sets no timer when nothing will ever be due', () => {
    take('alice', undefined);
    assert.deepEqual([clock.pending, counters.get('background.wakesAtMs')], [[], 0]);
    assert.equal(counters.conditions['background.service'], 'idle');
    const ended = take('bob', 5 * second, false);
    clock.advance(5 * second);
    assert.equal(holdings.get(ended)?.activity.kind, 'ended');
    assert.deepEqual([clock.pending, refresher.asked], [[], []]);
  });

  it('announces the end of a token that nobody can renew, once', () => {
    take('alice', 5 * second, false);
    let changes = 0;
    holdings.onDidChange(() => (changes += 1));
    clock.advance(hour);
    assert.equal(changes, 1);
  });

  it('tries again when the next attempt is due, and gives up after a day', () => {
    const key = take('alice', hour);
    const sinceMs = clock.nowMs();
    const fail = (nextAttemptAtMs: number) =>
      holdings.setActivity(key, {
        kind: 'retrying',
        failures: 1,
        sinceMs,
        nextAttemptAtMs,
        code: 'issuer_unreachable',
      });
    fail(sinceMs + 10 * second);
    clock.advance(10 * second - 1);
    assert.equal(refresher.asked.length, 0);
    clock.advance(1);
    assert.equal(refresher.asked.length, 1);
    clock.advance(24 * hour);
    fail(clock.nowMs() + 10 * second);
    clock.advance(hour);
    assert.equal(refresher.asked.length, 1);
    assert.deepEqual(clock.pending, []);
  });

  it('does not ask again while a renewal is under way', () => {
    take('alice', 5 * second);
    clock.advance(hour);
    assert.equal(refresher.asked.length, 1);
  });

  it('begins anew with what a renewal brings', () => {
    take('alice', 5 * second);
    clock.advance(4 * second);
    take('alice', 5 * second, true, 2);
    clock.advance(4 * second);
    assert.equal(refresher.asked.length, 2);
  });

  it('follows a change of the lead within a minute', () => {
    const key = take('alice', 10 * hour);
    clock.advance(9 * hour + 10 * minute);
    assert.deepEqual(refresher.asked, []);
    leadMs = hour;
    clock.advance(minute);
    assert.deepEqual(refresher.asked, [key]);
  });

  it('renews at once what was issued on a clock that has been set back since', () => {
    const key = take('alice', hour);
    clock.sleep(-12 * hour);
    clock.advance(minute);
    assert.deepEqual(refresher.asked, [key]);
  });

  it('asks again for what found no place in the queue, and does not spin meanwhile', async () => {
    take('alice', 5 * second);
    refresher.hasRoom = false;
    clock.advance(4 * second);
    await Promise.resolve();
    assert.equal(refresher.asked.length, 1);
    assert.deepEqual(clock.pending, [5 * second]);
    // Whatever else changes, it has been asked for just now.
    take('bob', hour);
    clock.advance(5 * second - 1);
    assert.equal(refresher.asked.length, 1);
    refresher.hasRoom = true;
    clock.advance(1);
    assert.equal(refresher.asked.length, 2);
  });

  describe('without a network', () => {
    const retrying = (code: ErrorCode, nextAttemptAtMs: number) =>
      ({ kind: 'retrying', failures: 1, sinceMs: clock.nowMs(), nextAttemptAtMs, code }) as const;

    it('waits, and renews within seconds of its return', () => {
      const key = take('alice', hour);
      network.goDown();
      holdings.setActivity(key, retrying('network_down', clock.nowMs()));
      clock.advance(hour);
      assert.deepEqual([refresher.asked, clock.pending.length], [[], 1]);
      assert.equal(counters.conditions['background.service'], 'paused');
      network.comeBack();
      clock.advance(5 * second);
      assert.deepEqual(refresher.asked, [key]);
    });

    it('has another one answer at once what the last one did not', () => {
      const key = take('alice', hour);
      const taken = take('carol', hour);
      const distrusted = take('bob', hour);
      holdings.setActivity(key, retrying('issuer_unreachable', clock.nowMs() + 10 * minute));
      holdings.setActivity(taken, retrying('renewing_elsewhere', clock.nowMs() + 10 * minute));
      holdings.setActivity(distrusted, retrying('tls_untrusted', clock.nowMs() + 10 * minute));
      clock.advance(minute);
      assert.deepEqual(refresher.asked, []);
      network.move();
      clock.advance(5 * second);
      assert.deepEqual(refresher.asked, [key, taken]);
    });

    it('does not shorten the wait that the issuer itself asked for', () => {
      const key = take('alice', hour);
      const later = clock.nowMs() + 10 * minute;
      holdings.setActivity(key, { ...retrying('issuer_unreachable', later), isAskedToWait: true });
      network.move();
      clock.advance(10 * minute - 1);
      assert.deepEqual(refresher.asked, []);
      clock.advance(1);
      assert.deepEqual(refresher.asked, [key]);
    });

    it('asks nobody anew who is only told that it has gone', () => {
      const key = take('alice', hour);
      holdings.setActivity(key, retrying('issuer_unreachable', clock.nowMs() + 10 * minute));
      network.goDown();
      clock.advance(minute);
      assert.deepEqual(refresher.asked, []);
      network.comeBack();
      clock.advance(5 * second);
      assert.deepEqual(refresher.asked, [key]);
    });
  });

  it('looks after chores with the same timer', () => {
    scheduler.dispose();
    let dueAtMs = Infinity;
    let begun = 0;
    const chore = {
      dueAtMs: () => dueAtMs,
      begin: () => {
        begun += 1;
        dueAtMs = Infinity;
      },
    };
    const leads = new Leads(
      () => leadMs,
      () => 0,
    );
    const log = new RecordingLog();
    scheduler = new Scheduler({ clock, log, holdings, leads, refresher, network, chores: [chore], counters });
    dueAtMs = clock.nowMs() + 90 * second;
    scheduler.look();
    take('alice', hour);
    assert.deepEqual(clock.pending, [minute]);
    clock.advance(90 * second - 1);
    assert.equal(begun, 0);
    clock.advance(1);
    assert.deepEqual([begun, clock.pending.length], [1, 1]);
  });

  it('ends its timer when it is disposed', () => {
    take('alice', 5 * second);
    scheduler.dispose();
    assert.equal(counters.conditions['background.service'], 'ended');
    assert.deepEqual(clock.pending, []);
    take('bob', 5 * second);
    assert.deepEqual(clock.pending, []);
  });
});

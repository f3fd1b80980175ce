import assert from 'node:assert/strict';
import type { Broker } from '../../../src/broker/broker.js';
import { hasCode } from '../../../src/core/errors.js';
import { Secret } from '../../../src/core/secret.js';
import type { ServerId } from '../../../src/core/server.js';
import { UnusedBindings } from '../../../src/broker/servers/unused-bindings.js';
import { FakeClock } from '../../support/fake-clock.js';
import { resource, ScriptedIssuer } from '../scripted-issuer.js';
import { notes, Profile, serverAt, until } from '../window.js';

const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];
const year = 365 * day;
const soon = () => new Promise((resolve) => setImmediate(resolve));

describe('the look for unused bindings', () => {
  let clock: FakeClock;
  let uses: number;
  let areBound: boolean;
  let dropped: number[];
  let chore: UnusedBindings;

  beforeEach(() => {
    [clock, uses, areBound, dropped] = [new FakeClock(), 0, false, []];
    chore = new UnusedBindings({
      clock: { nowMs: () => clock.nowMs() },
      servers: {
        get areBound() {
          return areBound;
        },
        noteUse: () => void (uses += 1),
      },
      bindings: {
        dropUnused: (sinceMs) => {
          dropped.push(clock.nowMs() - sinceMs);
          return Promise.resolve();
        },
      },
      rules: { bindingsKeepMs: () => 180 * day },
    });
  });

  /** Wakes every minute, as the window's one timer does. */
  function wake(): void {
    const nowMs = clock.nowMs();
    if (chore.dueAtMs(nowMs) <= nowMs) chore.begin();
  }
  function goOn(forMs: number): void {
    for (let passedMs = 0; passedMs < forMs; passedMs += minute) {
      clock.advance(minute);
      wake();
    }
  }
  /** The clock says something else from now on. */
  const jump = (byMs: number) => (clock = new FakeClock(clock.nowMs() + byMs));

  it('is every hour, says what this window uses, and drops what the rule says', () => {
    assert.equal(chore.dueAtMs(clock.nowMs()), Infinity, 'No server is bound, so nobody is woken for it.');
    areBound = true;
    assert.equal(chore.dueAtMs(clock.nowMs()), clock.nowMs() + hour);
    goOn(3 * hour);
    assert.deepEqual([uses, dropped], [3, [180 * day, 180 * day, 180 * day]]);
  });

  for (const [when, before] of [
    ['at the start', 0],
    ['between two looks', 30 * minute],
    ['at a look', 59 * minute],
    ['just after a look', hour],
  ] as const)
    it(`drops nothing by a clock that is a year ahead for a few minutes ${when}`, () => {
      goOn(before);
      dropped = [];
      jump(year);
      wake();
      goOn(5 * minute);
      assert.deepEqual(dropped, []);
      jump(-year);
      wake();
      goOn(minute);
      assert.deepEqual(dropped, []);
      goOn(2 * hour);
      assert.ok(dropped.length > 0, 'Another hour later the clock counts again.');
    });

  it('drops nothing right after a sleep, and says at once what this window uses', () => {
    goOn(30 * minute);
    clock.sleep(200 * day);
    wake();
    assert.deepEqual([uses, dropped], [1, []]);
    goOn(hour);
    assert.deepEqual([uses, dropped], [2, [180 * day]]);
  });

  it('is not put off by a clock that is set back a year', () => {
    jump(-year);
    wake();
    assert.deepEqual([uses, dropped], [1, []]);
    goOn(hour);
    assert.deepEqual([uses, dropped], [2, [180 * day]]);
  });
});

describe('a binding', () => {
  const other = 'other' as ServerId;
  let issuer: ScriptedIssuer;
  let profile: Profile;

  beforeEach(async () => {
    issuer = await ScriptedIssuer.start();
    profile = new Profile();
    profile.rules = { ...profile.rules, bindingsKeepMs: () => 180 * day, removeDeadAfterMs: () => 0 };
    await profile.keep(issuer.credential(profile.clock.nowMs()));
  });
  afterEach(async () => {
    await profile.close();
    await issuer.close();
  });

  async function opened(workspace: string, servers = [serverAt()]) {
    const { broker } = profile.window(undefined, workspace);
    await broker.setServers(servers);
    return broker;
  }
  /** The windows wake every minute for so long, and are done with what they have begun. */
  async function goOn(forMs: number, ...windows: readonly Broker[]): Promise<void> {
    for (let passedMs = 0; passedMs < forMs; passedMs += minute) {
      profile.clock.advance(minute);
      for (const one of windows) await until(one, () => one.state(notes).kind !== 'refreshing');
      await soon();
    }
    for (let turn = 0; turn < 20; turn++) await soon();
  }
  /** What the ledger says of a workspace, the newest last. */
  const written = () =>
    profile.ledgers.bindings.lines.map(
      (line) => JSON.parse(line) as { key: string; value: { kind: string } },
    );

  it('of a workspace that nobody has opened for half a year counts for nothing any more', async () => {
    await (await opened('file:///gone')).close();
    const broker = await opened('file:///here');
    assert.equal(await broker.isUsedElsewhere(notes), true);
    profile.clock.sleep(181 * day);
    assert.equal(await broker.isUsedElsewhere(notes), true, 'Nobody knows yet whether the clock is right.');
    await goOn(2 * hour, broker);
    assert.equal(await broker.isUsedElsewhere(notes), false);
    assert.equal(await broker.signOut(notes, 'server'), 'kept');
    assert.equal(broker.account(notes), undefined);
  });

  it('of a window that is only open stays, however long nobody calls', async () => {
    const idle = await opened('file:///idle');
    const broker = await opened('file:///here');
    for (let month = 0; month < 8; month++) {
      profile.clock.sleep(30 * day);
      await goOn(hour + minute, idle, broker);
    }
    await goOn(2 * hour, idle, broker);
    assert.equal(await broker.isUsedElsewhere(notes), true);
    assert.equal(await broker.signOut(notes, 'server'), 'left');
    assert.equal((await idle.accessToken(notes)).account.subject, 'alice');
  });

  it('of a window that is only open stays also when its sign-in has ended', async () => {
    profile.rules = { ...profile.rules, bindingsKeepMs: () => 7 * day };
    const { tokens: _, ...alice } = issuer.credential(profile.clock.nowMs());
    const refused = { kind: 'refused', reason: 'revoked', refusedAtMs: profile.clock.nowMs() } as const;
    const endless = { kind: 'alive', accessToken: new Secret('endless'), issuedAtMs: 0 } as const;
    const elsewhere = 'https://elsewhere.example.com/mcp';
    const ended = await opened('file:///ended');
    await goOn(minute, ended);
    await profile.keep({ ...alice, generation: 2, tokens: refused });
    await until(ended, () => ended.state(notes).kind === 'needs-sign-in');
    await profile.keep({ ...alice, resource: elsewhere, tokens: endless });
    const broker = await opened('file:///here', [serverAt(elsewhere)]);
    await broker.accessToken(notes);
    for (let passed = 0; passed < 10; passed++) {
      profile.clock.sleep(day - 2 * hour);
      await goOn(2 * hour, broker, ended);
    }
    assert.ok(written().some(({ key }) => key.includes('file:///ended')));
  });

  it('of a window that is only open stays also when its sign-in was gone before it was opened', async () => {
    profile.rules = { ...profile.rules, bindingsKeepMs: () => 7 * day };
    const elsewhere = 'https://elsewhere.example.com/mcp';
    const bob = issuer.credential(profile.clock.nowMs(), { resource: elsewhere });
    await profile.keep({ ...bob, tokens: { ...bob.tokens, expiresAtMs: profile.clock.nowMs() + year } });
    await (await opened('file:///gone')).close();
    const here = [serverAt(), serverAt(elsewhere, {}, other)];
    const broker = await opened('file:///here', here);
    assert.equal(await broker.signOut(notes, 'account'), 'kept');
    const gone = await opened('file:///gone');
    assert.equal(gone.state(notes).kind, 'signed-out');
    for (let passed = 0; passed < 10; passed++) {
      profile.clock.sleep(day - 2 * hour);
      await goOn(2 * hour, broker, gone);
    }
    assert.ok(written().some(({ key }) => key.includes('file:///gone')));
  });

  it('that is bound is made anew without asking when the workspace is opened again', async () => {
    await (await opened('file:///gone')).close();
    const broker = await opened('file:///here');
    profile.clock.sleep(181 * day);
    await goOn(2 * hour, broker);
    assert.equal(written().filter(({ key }) => key.includes('file:///gone')).length, 0);
    const again = await opened('file:///gone');
    assert.equal((await again.accessToken(notes)).account.subject, 'alice');
  });

  it('that is signed out stays so, and nobody takes the place of who has left', async () => {
    const servers = [serverAt(), serverAt(undefined, {}, other)];
    const gone = await opened('file:///gone', servers);
    assert.equal(await gone.signOut(notes, 'server'), 'left');
    await gone.close();
    const broker = await opened('file:///here');
    profile.clock.sleep(1_000 * day);
    await goOn(2 * hour, broker);
    assert.deepEqual(
      written()
        .filter(({ key }) => key.includes('file:///gone'))
        .map(({ value }) => value.kind),
      ['signed-out'],
    );
    const again = await opened('file:///gone', servers);
    await assert.rejects(again.accessToken(notes), (error) => hasCode(error, 'sign_in_required'));
    assert.equal((await again.accessToken(other)).account.subject, 'alice');
  });

  it('of a sign-out in one window is not undone by another one that goes on using the server', async () => {
    const servers = [serverAt(), serverAt(undefined, {}, other)];
    const using = await opened('no workspace', servers);
    await using.accessToken(notes);
    await goOn(minute, using);
    const leaving = await opened('no workspace', servers);
    profile.clock.sleep(day);
    assert.equal(await leaving.signOut(notes, 'server'), 'left');
    // It knows nothing of that: it says that it uses the server, and that a session is open.
    profile.clock.sleep(2 * day);
    await using.setServers(servers);
    using.sessionOpened(notes, 's', await using.accessToken(notes));
    await goOn(hour, using, leaving);
    await using.close();
    await leaving.close();
    const next = await opened('no workspace', servers);
    await assert.rejects(next.accessToken(notes), (error) => hasCode(error, 'sign_in_required'));
    assert.equal((await next.accessToken(other)).account.subject, 'alice');
  });

  it('of a sign-out in one window is not undone by what another one makes by itself', async () => {
    const elsewhere = await opened('file:///elsewhere');
    const knowingNothing = await opened('no workspace', []);
    await goOn(minute, elsewhere);
    const leaving = await opened('no workspace');
    assert.equal(await leaving.signOut(notes, 'server'), 'left');
    await goOn(minute, leaving);
    await knowingNothing.setServers([serverAt()]);
    assert.equal(knowingNothing.account(notes)?.subject, 'alice');
    await knowingNothing.close();
    const next = await opened('no workspace');
    await assert.rejects(next.accessToken(notes), (error) => hasCode(error, 'sign_in_required'));
  });

  it('of a sign-in as somebody else in one window is not undone by another one either', async () => {
    const bob = issuer.credential(profile.clock.nowMs());
    await profile.keep({ ...bob, account: { ...bob.account, subject: 'bob', label: 'bob@example.com' } });
    const only = [serverAt(resource, { account: 'alice@example.com' })];
    const using = await opened('no workspace', only);
    assert.equal((await using.accessToken(notes)).account.subject, 'alice');
    await goOn(minute, using);
    const changing = await opened('no workspace');
    profile.clock.sleep(day);
    const [bobToo] = changing.otherAccounts(notes);
    assert.ok(bobToo?.subject === 'bob');
    await changing.useAccount(notes, bobToo);
    profile.clock.sleep(2 * day);
    await using.setServers(only);
    await using.close();
    await changing.close();
    const next = await opened('no workspace');
    assert.equal((await next.accessToken(notes)).account.subject, 'bob');
  });
});

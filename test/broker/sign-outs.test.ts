import assert from 'node:assert/strict';
import type { Broker } from '../../src/broker/broker.js';
import type { Counters } from '../../src/core/counters.js';
import { hasCode } from '../../src/core/errors.js';
import type { ServerId } from '../../src/core/server.js';
import { ScriptedIssuer } from './scripted-issuer.js';
import { notes, Profile, serverAt } from './window.js';

const hour = 3_600_000;
const other = 'other' as ServerId;

/** Lets everything run that waits for no socket and no timer. */
async function soon(): Promise<void> {
  for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
}

describe('signing out', () => {
  let issuer: ScriptedIssuer;
  let profile: Profile;
  let broker: Broker;
  let counters: Counters;

  beforeEach(async () => {
    issuer = await ScriptedIssuer.start();
    profile = new Profile();
    await profile.keep(issuer.credential(profile.clock.nowMs()));
    ({ broker, counters } = profile.window());
    await broker.setServers([serverAt()]);
  });
  afterEach(async () => {
    await profile.close();
    await issuer.close();
  });

  /** A server of another workspace uses the credential, too. */
  async function useElsewhere(): Promise<void> {
    const { broker: elsewhere } = profile.window(undefined, 'file:///b');
    await elsewhere.setServers([serverAt()]);
    await elsewhere.accessToken(notes);
    await elsewhere.close();
  }
  async function reopened(): Promise<Broker> {
    const { broker: later } = profile.window(undefined, 'file:///b');
    await later.setServers([serverAt()]);
    return later;
  }
  const names = () => [...profile.secrets.values.keys()];

  describe('of one server alone keeps what a server of another workspace uses', () => {
    it('while it is being renewed', async () => {
      await useElsewhere();
      const request = issuer.hold();
      const renewing = broker.refreshNow(notes);
      await request.arrived;
      assert.equal(await broker.signOut(notes, 'server'), 'left');
      request.answer();
      await renewing;
      await broker.close();
      const later = await reopened();
      assert.equal((await later.accessToken(notes)).token.reveal(), 'access-2');
      assert.deepEqual(issuer.revoked, []);
    });

    it('while its newest tokens are only in memory', async () => {
      await useElsewhere();
      const request = issuer.hold();
      const renewing = broker.refreshNow(notes);
      await request.arrived;
      profile.secrets.failNext('store', 4);
      profile.journal.failNext('write', 4);
      request.answer();
      for (const delayMs of [200, 1_000, 3_000]) {
        await profile.clock.armed(delayMs);
        profile.clock.advance(delayMs);
      }
      await renewing;
      assert.equal(counters.get('saves.pending'), 1);
      assert.equal(await broker.signOut(notes, 'server'), 'left');
      await broker.close();
      profile.clock.sleep(hour);
      const later = await reopened();
      assert.equal((await later.accessToken(notes)).token.reveal(), 'access-3');
      assert.equal(later.state(notes).kind, 'ready');
    });

    it('and what another server of this window uses, though it is asked for twice at once', async () => {
      await broker.setServers([serverAt(), serverAt(undefined, {}, other)]);
      await broker.accessToken(other);
      const results = await Promise.all([broker.signOut(notes, 'server'), broker.signOut(notes, 'server')]);
      assert.deepEqual(results, ['left', 'was-signed-out']);
      assert.equal(broker.account(other)?.subject, 'alice');
      assert.equal((await broker.accessToken(other)).token.reveal(), 'access-1');
    });
  });
});

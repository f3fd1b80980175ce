import assert from 'node:assert/strict';
import type { Broker } from '../../src/broker/broker.js';
import { hasCode, type ErrorCode } from '../../src/core/errors.js';
import { ScriptedIssuer } from './scripted-issuer.js';
import { notes, Profile, serverAt, until } from './window.js';

const fails = (work: Promise<unknown>, code: ErrorCode) =>
  assert.rejects(work, (error) => hasCode(error, code));

describe('the broker behind a lock', () => {
  let issuer: ScriptedIssuer;
  let profile: Profile;
  let broker: Broker;
  let wanted: readonly unknown[];

  beforeEach(async () => {
    issuer = await ScriptedIssuer.start();
    profile = new Profile();
    profile.lock.isLocked = true;
    await profile.keep(issuer.credential(profile.clock.nowMs()));
    ({ broker, wanted } = profile.window());
    await broker.setServers([serverAt()]);
  });
  afterEach(async () => {
    await profile.close();
    await issuer.close();
    assert.equal(profile.lock.listeners, 0);
  });

  it('says so, knows the account, and asks for nothing by itself', () => {
    assert.deepEqual(broker.state(notes), { kind: 'locked' });
    assert.equal(broker.account(notes)?.label, 'alice@example.com');
    assert.deepEqual([profile.lock.asked, wanted], [[], []]);
    assert.equal(profile.log.at('error').length, 0, 'That it is locked is no trouble.');
  });

  it('gives out nothing, and begins no sign-in that it could not keep', async () => {
    await fails(broker.accessToken(notes), 'storage_locked');
    await fails(broker.signIn(notes, 'any'), 'storage_locked');
    await fails(broker.signOut(notes), 'storage_locked');
  });

  it('tells a start that meets it apart from a call that waits for it', () => {
    broker.wantSignIn(notes);
    assert.deepEqual([profile.lock.asked, wanted], [[false], []]);
  });

  it('loads everything when it opens, and lets those who waited go on', async () => {
    const waiting = broker.signedIn(notes, new AbortController().signal);
    assert.deepEqual(profile.lock.asked, [true]);
    profile.lock.unlock();
    await waiting;
    assert.equal(broker.state(notes).kind, 'ready');
    assert.equal((await broker.accessToken(notes)).token.reveal(), 'access-1');
    assert.deepEqual(wanted, [], 'Nobody has to sign in.');
  });

  it('asks for a sign-in, once, when nobody was behind it', async () => {
    profile.secrets.values.clear();
    profile.journal.texts.clear();
    await profile.memento.update(profile.memento.keys()[0] ?? '', undefined);
    const end = new AbortController();
    const waiting = assert.rejects(broker.signedIn(notes, end.signal));
    profile.lock.unlock();
    await until(broker, () => wanted.length > 0);
    end.abort(new Error('The caller has gone.'));
    await waiting;
    assert.deepEqual([wanted.length, profile.lock.asked], [1, [true]]);
  });
});

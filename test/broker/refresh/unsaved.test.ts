import assert from 'node:assert/strict';
import type { Broker } from '../../../src/broker/broker.js';
import type { Counters } from '../../../src/core/counters.js';
import { keyOf, keyText } from '../../../src/core/credential.js';
import { hasCode } from '../../../src/core/errors.js';
import type { ServerId } from '../../../src/core/server.js';
import { CredentialVault } from '../../../src/vault/credentials.js';
import type { WindowLeases } from '../../support/memory-leases.js';
import { ScriptedIssuer } from '../scripted-issuer.js';
import { notes, Profile, serverAt, until } from '../window.js';

const quickDelaysMs = [200, 1_000, 3_000];
const againAfterMs = 30_000;
const patienceMs = 20_000;
const frozenAfterMs = 15_000;

describe('a renewed credential that no storage takes', () => {
  let issuer: ScriptedIssuer;
  let profile: Profile;
  let broker: Broker;
  let counters: Counters;
  let leases: WindowLeases;

  beforeEach(async () => {
    issuer = await ScriptedIssuer.start();
    profile = new Profile();
    await profile.keep(issuer.credential(profile.clock.nowMs()));
    ({ broker, counters, leases } = profile.window());
    await broker.setServers([serverAt()]);
  });
  afterEach(async () => {
    await profile.close();
    await issuer.close();
  });

  function failSaves(times: number): void {
    profile.secrets.failNext('store', times);
    profile.journal.failNext('write', times);
  }

  /** Renews; as soon as the request has left, the storage fails four times, and `more` after that. */
  async function renewUnsaved(more: number): Promise<void> {
    const request = issuer.hold();
    const renewing = broker.refreshNow(notes);
    await request.arrived;
    failSaves(quickDelaysMs.length + 1 + more);
    request.answer();
    for (const delayMs of quickDelaysMs) {
      await profile.clock.armed(delayMs);
      profile.clock.advance(delayMs);
    }
    await renewing;
  }

  const pending = () => counters.get('saves.pending');
  const isStored = (token: string) =>
    [...profile.secrets.values.values()].some((text) => text.includes(token));

  /** Lets one attempt in the background begin, and end. */
  async function attempt(): Promise<void> {
    const before = counters.get('saves.retried');
    profile.clock.advance(againAfterMs);
    while (counters.get('saves.retried') === before) await new Promise((resolve) => setImmediate(resolve));
    await profile.clock.armed(againAfterMs);
  }

  it('is used from memory for ten minutes, and saved as soon as the storage works again', async () => {
    await renewUnsaved(20);
    assert.deepEqual([pending(), counters.get('saves.retried')], [1, 3]);
    for (let n = 0; n < 20; n++) await attempt();
    assert.equal((await broker.accessToken(notes)).token.reveal(), 'access-2');
    assert.deepEqual([pending(), isStored('refresh-2')], [1, false]);

    profile.clock.advance(againAfterMs);
    while (pending() > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(isStored('refresh-2'));
    assert.equal(counters.get('saves.retried'), 24);
    assert.doesNotMatch(profile.log.text, /access-\d|refresh-\d/);
  });

  it('is offered once more when the window closes', async () => {
    await renewUnsaved(0);
    assert.ok(!isStored('refresh-2'));
    await broker.close();
    assert.ok(isStored('refresh-2'));
  });

  it('is offered when the window closes, also while another renewal waits for another window', async () => {
    const [url, other] = ['https://files.example.com/mcp', 'files' as ServerId];
    const credential = issuer.credential(profile.clock.nowMs(), { resource: url });
    await profile.keep(credential);
    await broker.setServers([serverAt(), serverAt(url, {}, other)]);
    await renewUnsaved(0);
    let giveBack = (): void => undefined;
    const elsewhere = profile.leases
      .window()
      .hold(keyText(keyOf(credential)), () => new Promise<void>((resolve) => (giveBack = resolve)));
    const waiting = assert.rejects(broker.refreshNow(other), (error) => hasCode(error, 'issuer_unreachable'));
    await until(broker, () => broker.state(other).kind === 'refreshing');
    const closing = broker.close();
    while (!isStored('refresh-2')) await new Promise((resolve) => setImmediate(resolve));
    giveBack();
    await Promise.all([elsewhere, waiting, closing]);
  });

  it('is not offered any more once a later one is saved', async () => {
    await renewUnsaved(0);
    await broker.refreshNow(notes);
    assert.equal(pending(), 0);
    assert.ok(isStored('refresh-3'));
  });

  it('keeps other windows from spending the old refresh token, and is what they get once it is saved', async () => {
    const other = profile.window().broker;
    await other.setServers([serverAt()]);
    await renewUnsaved(0);
    const elsewhere = assert.rejects(other.refreshNow(notes), (error) => hasCode(error, 'renewed_elsewhere'));
    for (let n = 0; n < 100; n++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(issuer.tokenRequests.length, 1);
    profile.clock.advance(patienceMs);
    await elsewhere;
    profile.clock.advance(againAfterMs - patienceMs);
    while (pending() > 0) await new Promise((resolve) => setImmediate(resolve));
    await other.refreshNow(notes);
    assert.equal((await other.accessToken(notes)).token.reveal(), 'access-2');
    assert.equal(issuer.tokenRequests.length, 1);
  });

  it('keeps them from it again after this window was frozen and has lost the lease', async () => {
    await renewUnsaved(20);
    const [key = ''] = profile.leases.held;
    leases.freeze();
    const other = profile.leases.window();
    const taken = other.hold(key, () => Promise.resolve());
    profile.clock.advance(frozenAfterMs);
    await taken;
    leases.thaw();
    await attempt();
    assert.deepEqual(profile.leases.held, [key]);
  });

  it('does not make another window wait for ever', async () => {
    const other = profile.window().broker;
    await other.setServers([serverAt()]);
    await renewUnsaved(20);
    const elsewhere = assert.rejects(other.refreshNow(notes), (error) => hasCode(error, 'renewed_elsewhere'));
    await profile.clock.armed(patienceMs);
    profile.clock.advance(patienceMs);
    await elsewhere;
    assert.equal(issuer.tokenRequests.length, 1);
    assert.equal((await other.accessToken(notes)).token.reveal(), 'access-1', 'It is good to its end.');
  });

  it('gives in to another record of its generation that is durable', async () => {
    await renewUnsaved(0);
    const elsewhere = issuer.credential(profile.clock.nowMs(), { generation: 2 });
    await profile.keep(elsewhere);
    profile.clock.advance(againAfterMs);
    while (pending() > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(!isStored('refresh-2'));
    assert.equal((await broker.accessToken(notes)).token.reveal(), 'access-1');
  });

  it('is not saved after another window has signed out, although nobody has heard of that', async () => {
    await renewUnsaved(0);
    profile.journal.isMute = true;
    const vault = new CredentialVault({ ...profile.vaultParts(), closing: AbortSignal.abort() });
    await vault.remove(issuer.credential(profile.clock.nowMs()));
    profile.clock.advance(againAfterMs);
    while (pending() > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(!isStored('refresh-2') && !isStored('refresh-1'));
    assert.equal(broker.state(notes).kind, 'signed-out');
  });

  it('lets the user of this window sign out, and nobody waits for it any more', async () => {
    await renewUnsaved(20);
    await broker.signOut(notes);
    assert.deepEqual(issuer.revoked, ['refresh-2', 'access-2']);
  });

  it('goes with the user who signs out', async () => {
    await renewUnsaved(0);
    await broker.signOut(notes);
    profile.clock.advance(againAfterMs);
    while (pending() > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(!isStored('refresh-2') && !isStored('refresh-1'));
    assert.equal(counters.get('saves.retried'), 3);
  });
});

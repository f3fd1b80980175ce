import assert from 'node:assert/strict';
import { KeptLeases } from '../../src/broker/state/kept-leases.js';
import { Counters } from '../../src/core/counters.js';
import { keyOf, keyText, type Credential, type LiveCredential } from '../../src/core/credential.js';
import { hasCode } from '../../src/core/errors.js';
import type { Clock } from '../../src/core/ports.js';
import { Secret } from '../../src/core/secret.js';
import { CredentialVault } from '../../src/vault/credentials.js';
import { MemoryLedger } from '../../src/vault/ledgers/memory-ledger.js';
import { Moving } from '../../src/vault/moving.js';
import { leasesUntilMoved, readStamp, stamp, type Place } from '../../src/vault/place.js';
import { FakeClock } from '../support/fake-clock.js';
import { FakeMemento } from '../support/fake-memento.js';
import { FakeSecretStore } from '../support/fake-secret-store.js';
import { MemoryJournal } from '../support/memory-journal.js';
import { MemoryLeases } from '../support/memory-leases.js';
import { RecordingLog } from '../support/recording-log.js';
import { sealedBefore } from '../support/sealed-before.js';

const issuer = 'https://login.example.com';
const credentialOf = (subject: string, generation = 1): LiveCredential => ({
  account: { issuer, subject, label: `${subject}@example.com` },
  client: { issuer, clientId: 'c', authMethod: 'none', source: 'dynamic' },
  resource: 'https://mcp.example.com/mcp',
  generation,
  scopes: ['a'],
  tokens: {
    kind: 'alive',
    accessToken: new Secret(`access-${subject}-${generation}`),
    refreshToken: new Secret(`refresh-${subject}-${generation}`),
    issuedAtMs: 0,
  },
});
const [alice, bob] = [credentialOf('alice'), credentialOf('bob')];
const nameOf = (credential: LiveCredential) => `credential:${keyText(keyOf(credential))}`;

/** A place with parts that a test can look into and break. */
interface TestPlace extends Place {
  readonly secrets: FakeSecretStore;
  readonly journal: MemoryJournal;
  readonly ledgers: { readonly sessions: MemoryLedger; readonly bindings: MemoryLedger };
}

const placeOf = (
  identity: string,
  clock: FakeClock,
  journal = new MemoryJournal(),
  secrets = new FakeSecretStore(),
): TestPlace => ({
  identity,
  secrets,
  journal,
  leases: new MemoryLeases(clock).window(),
  ledgers: { sessions: new MemoryLedger(), bindings: new MemoryLedger() },
});

describe('moving', () => {
  let clock: FakeClock;
  let memento: FakeMemento;
  let log: RecordingLog;
  let from: TestPlace;
  let to: TestPlace;

  const vaultIn = (place: Place) =>
    new CredentialVault({
      ...place,
      memento,
      clock,
      counters: new Counters(),
      log,
      closing: AbortSignal.abort(),
    });
  const move = (a: Place = from, b: Place = to, time: Clock = clock) =>
    new Moving({
      from: a,
      to: b,
      memento,
      clock: time,
      counters: new Counters(),
      log,
      closing: AbortSignal.abort(),
    });
  const tokenIn = async (place: Place, credential: LiveCredential) => {
    const { tokens } = (await vaultIn(place).get(keyOf(credential))) ?? { tokens: undefined };
    return tokens?.kind === 'alive' ? tokens.refreshToken?.reveal() : tokens;
  };

  beforeEach(async () => {
    [clock, memento, log] = [new FakeClock(), new FakeMemento(), new RecordingLog()];
    from = placeOf('a', clock, undefined, sealedBefore(new FakeSecretStore()));
    to = placeOf('b', clock);
    const vault = vaultIn(from);
    await vault.put(alice);
    await vault.put(bob);
    await vault.putClient(alice.client);
    await from.ledgers.bindings.append(['{"a":1}']);
  });

  it('copies credentials, registrations, what is set aside and bindings, and then leaves nothing', async () => {
    from.secrets.values.set('damaged:x', 'damage');
    await memento.update('set-aside:x', {});
    await move().copy();
    assert.equal(await tokenIn(from, alice), 'refresh-alice-1', 'Nothing is taken away by copying.');
    await move().clear();
    assert.deepEqual(
      [await tokenIn(to, alice), await tokenIn(to, bob)],
      ['refresh-alice-1', 'refresh-bob-1'],
    );
    assert.equal((await vaultIn(to).client(issuer))?.clientId, 'c');
    assert.equal(to.secrets.values.get('damaged:x'), 'damage');
    assert.deepEqual(to.ledgers.bindings.lines, ['{"a":1}']);
    assert.deepEqual([...from.secrets.values], []);
    assert.deepEqual(
      [...from.journal.texts.keys()].filter((name) => /^[0-9a-f]{32}$/.test(name)),
      [],
    );
  });

  it('copies what the journal has newer than the keyring', async () => {
    from.secrets.failNext('store');
    await vaultIn(from).put(credentialOf('alice', 7));
    await move().copy();
    await move().clear();
    assert.equal(await tokenIn(to, alice), 'refresh-alice-7');
  });

  it('goes there and back, again and again, whatever each place remembers', async () => {
    for (let round = 0; round < 3; round++) {
      for (const [a, b] of [
        [from, to],
        [to, from],
      ] as const) {
        await move(a, b).copy();
        await move(a, b).clear();
      }
    }
    assert.equal(await tokenIn(from, alice), 'refresh-alice-1');
    assert.deepEqual([...to.secrets.values], []);
  });

  it('is not fooled by what the new place remembers of earlier days', async () => {
    await vaultIn(to)
      .put(credentialOf('alice', 9))
      .catch(() => undefined);
    await vaultIn(to).remove(credentialOf('alice', 9));
    await vaultIn(from).put(alice);
    await move().copy();
    await move().clear();
    assert.equal(await tokenIn(to, alice), 'refresh-alice-1');
  });

  it('can share the journal, or the secrets, with the old place', async () => {
    const sameFolder = placeOf('b', clock, from.journal);
    await move(from, sameFolder).copy();
    await move(from, sameFolder).clear();
    assert.equal(await tokenIn(sameFolder, alice), 'refresh-alice-1');
    assert.deepEqual([...from.secrets.values], []);

    const sameSecrets = placeOf('c', clock, undefined, sameFolder.secrets);
    await move(sameFolder, sameSecrets).copy();
    await move(sameFolder, sameSecrets).clear();
    assert.equal(await tokenIn(sameSecrets, alice), 'refresh-alice-1');
    assert.equal((await vaultIn(sameSecrets).client(issuer))?.clientId, 'c');
  });

  it('loses nothing when it ends at whatever operation, and goes on next time', async () => {
    for (let operations = 0; ; operations++) {
      const [a, b] = [
        placeOf('a', clock, undefined, sealedBefore(new FakeSecretStore())),
        placeOf('b', clock),
      ];
      memento = new FakeMemento();
      await vaultIn(a).put(alice);
      await vaultIn(a).put(bob);
      const killed = killedAfter(operations, a, b);
      const isDone = await (async () => {
        await move(killed.a, killed.b, impatient).copy();
        await move(killed.a, killed.b, impatient).clear();
        return true;
      })().catch((error: unknown) => {
        assert.ok(hasCode(error, 'vault_write_failed') || /killed/.test(String(error)), String(error));
        return false;
      });
      await move(a, b).copy();
      await move(a, b).clear();
      for (const one of [alice, bob])
        assert.equal(
          await tokenIn(b, one),
          `refresh-${one.account.subject}-1`,
          `after ${operations} operations`,
        );
      assert.ok(!a.secrets.values.has(nameOf(alice)));
      if (!isDone) continue;
      assert.ok(operations > 20);
      return;
    }
  }).timeout(20_000);

  it('does not believe a store that takes everything and keeps nothing', async () => {
    const store = to.secrets.store.bind(to.secrets);
    to.secrets.store = (key) => store(key, 'something else');
    await assert.rejects(move().copy(), (error) => hasCode(error, 'vault_write_failed'));
    assert.equal(await tokenIn(from, alice), 'refresh-alice-1');
  });

  it('brings along what another window has renewed in the old place after it was copied', async () => {
    await move().copy();
    await vaultIn(from).put(credentialOf('alice', 2));
    await move().clear();
    assert.equal(await tokenIn(to, alice), 'refresh-alice-2');
  });

  it('does not bring back what has been signed out in the new place meanwhile', async () => {
    await move().copy();
    await vaultIn(to).remove(alice);
    await move().clear();
    assert.equal(await tokenIn(to, alice), undefined);
    assert.equal(await tokenIn(to, bob), 'refresh-bob-1');
  });

  describe('to a place that has a credential for the same account', () => {
    const issued = (generation: number, issuedAtMs: number): LiveCredential => {
      const credential = credentialOf('alice', generation);
      return { ...credential, tokens: { ...credential.tokens, issuedAtMs } };
    };
    const refused = (generation: number, refusedAtMs: number): Credential => ({
      ...alice,
      generation,
      tokens: { kind: 'refused', reason: 'revoked', refusedAtMs },
    });

    async function meeting(here: Credential, there: Credential) {
      sealedBefore(to.secrets);
      await vaultIn(to).put(there);
      await vaultIn(from).put(here);
      await move().copy();
      await move().clear();
      return tokenIn(to, alice);
    }

    it('never puts a refusal over a grant that is alive', async () => {
      assert.equal(await meeting(refused(7, 100), issued(3, 50)), 'refresh-alice-3');
    });

    it('never puts a grant over one that was issued later', async () => {
      assert.equal(await meeting(issued(7, 50), issued(3, 100)), 'refresh-alice-3');
    });

    it('puts a grant over one that was issued earlier, however often that was renewed', async () => {
      assert.equal(await meeting(issued(3, 100), issued(7, 50)), 'refresh-alice-3');
      assert.equal((await vaultIn(to).get(keyOf(alice)))?.generation, 8);
    });

    it('puts a grant over a refusal', async () => {
      assert.equal(await meeting(issued(2, 50), refused(7, 100)), 'refresh-alice-2');
    });

    it('waits for a renewal that is under way there', async () => {
      sealedBefore(to.secrets);
      await vaultIn(to).put(issued(1, 0));
      await vaultIn(from).put(issued(2, 50));
      let copying = Promise.resolve();
      await to.leases.hold(keyText(keyOf(alice)), async () => {
        copying = move().copy();
        for (let turn = 0; turn < 100; turn++) await Promise.resolve();
        await vaultIn(to).put(issued(4, 100));
      });
      await copying;
      assert.equal(await tokenIn(to, alice), 'refresh-alice-4');
    });
  });

  it('does not wait for ever for a window that keeps a lease', async () => {
    let giveBack = (): void => undefined;
    const kept = from.leases.hold(
      keyText(keyOf(alice)),
      () => new Promise<void>((resolve) => (giveBack = resolve)),
    );
    const failing = assert.rejects(move().copy(), (error) => hasCode(error, 'renewed_elsewhere'));
    await clock.armed(120_000);
    clock.advance(120_000);
    await failing;
    giveBack();
    await kept;
    await move().copy();
    assert.equal(await tokenIn(to, alice), 'refresh-alice-1');
  });

  it('brings back nothing that was signed out, when two windows move at the same time', async () => {
    await move().copy();
    await stamp(from, to.identity);
    await vaultIn(to).remove(alice);
    await vaultIn(to).put(credentialOf('bob', 2));
    await move().copy();
    assert.deepEqual([await tokenIn(to, alice), await tokenIn(to, bob)], [undefined, 'refresh-bob-2']);
  });

  it('waits for a window that keeps its lease until its newest tokens are stored', async () => {
    const name = keyText(keyOf(alice));
    const leases = new KeptLeases(from.leases);
    await leases.hold(name, () => {
      leases.keep(name);
      return Promise.resolve();
    });
    const copying = move().copy();
    for (let turn = 0; turn < 1_000; turn++) await Promise.resolve();
    assert.ok(!to.secrets.values.has(nameOf(alice)), 'Nobody brings what has been spent.');
    await vaultIn(from).put(credentialOf('alice', 2), 1);
    leases.release(name);
    await copying;
    assert.equal(await tokenIn(to, alice), 'refresh-alice-2');
  });

  it('takes along the registration at an issuer at which nobody is signed in', async () => {
    for (const credential of [alice, bob]) await vaultIn(from).remove(credential);
    await move().copy();
    await move().clear();
    assert.equal((await vaultIn(to).client(issuer))?.clientId, 'c');
    assert.deepEqual([...from.secrets.values], []);
  });

  it('makes no key in a place where nothing ever was', async () => {
    const empty = placeOf('empty', clock);
    memento = new FakeMemento();
    await move(empty, to).copy();
    await move(empty, to).clear();
    assert.deepEqual([empty.secrets.values.size, to.secrets.values.size], [0, 0]);
  });

  it('keeps windows that still work in the old place from renewing there', async () => {
    const leases = leasesUntilMoved(from, await readStamp(from));
    assert.equal(await leases.hold('x', () => Promise.resolve('held')), 'held');
    await stamp(from, 'b');
    await assert.rejects(
      leases.hold('x', () => assert.fail()),
      (error) => hasCode(error, 'record_elsewhere'),
    );
    await stamp(from, 'a');
    assert.equal(await leases.hold('x', () => Promise.resolve('held')), 'held', 'It has been moved back.');
    await stamp(from, 'b');
    const later = leasesUntilMoved(from, await readStamp(from));
    assert.equal(await later.hold('x', () => Promise.resolve('held')), 'held', 'Somebody else moved before.');
  });
});

/** Waits for nothing. */
const impatient: Clock = {
  nowMs: () => 0,
  after: (_delayMs, run) => {
    queueMicrotask(run);
    return { dispose: () => undefined };
  },
};

/** The same places for a window that is killed after so many operations. */
function killedAfter(operations: number, a: Place, b: Place): { readonly a: Place; readonly b: Place } {
  let left = operations;
  const mortal = <T extends object>(part: T): T =>
    new Proxy(part, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]): unknown => {
          if (left-- <= 0) return Promise.reject(new Error('killed'));
          return (member as (...args: unknown[]) => unknown).apply(target, args);
        };
      },
    });
  const of = (place: Place): Place => ({
    ...place,
    secrets: mortal(place.secrets),
    journal: mortal(place.journal),
  });
  return { a: of(a), b: of(b) };
}

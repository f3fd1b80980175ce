import assert from 'node:assert/strict';
import { keyOf, type Credential, type LiveCredential } from '../../../src/core/credential.js';
import type { ServerId } from '../../../src/core/server.js';
import { CredentialVault } from '../../../src/vault/credentials.js';
import type { Fault } from '../../support/faults.js';
import { json, ScriptedFetch } from '../../oauth/scripted-fetch.js';
import { ScriptedIssuer } from '../scripted-issuer.js';
import { notes, Profile, serverAt, until } from '../window.js';

const [second, minute, hour, day] = [1_000, 60_000, 3_600_000, 86_400_000];
const startDelayMs = 3 * second;

const says = (active: boolean) => (): Fault => ({ status: 200, body: { active } });
const soon = () => new Promise((resolve) => setImmediate(resolve));

describe('recovery', () => {
  let issuer: ScriptedIssuer;
  let profile: Profile;

  beforeEach(async () => {
    issuer = await ScriptedIssuer.start();
    profile = new Profile();
  });
  afterEach(async () => {
    await profile.close();
    await issuer.close();
  });

  /** A credential of which the issuer was last heard so long ago, and whose token is good for ten hours more. */
  function heard(agoMs: number, of = issuer): LiveCredential {
    const nowMs = profile.clock.nowMs();
    const credential = of.credential(nowMs);
    const tokens = { ...credential.tokens, issuedAtMs: nowMs - agoMs, expiresAtMs: nowMs + 10 * hour };
    return { ...credential, tokens };
  }

  /** A window that has just started and restored what is stored. */
  async function start(servers = [serverAt()]) {
    const opened = profile.window();
    await opened.broker.setServers(servers);
    const count = (name: 'checked' | 'attempts' | 'confirmed' | 'renewed') =>
      opened.counters.get(`recovery.${name}`);
    const counts = () => [count('checked'), count('attempts'), count('confirmed'), count('renewed')];
    return { ...opened, counts };
  }

  async function happens(isSo: () => boolean): Promise<void> {
    while (!isSo()) await soon();
  }

  it('asks the issuer about a grant of which nothing was heard for an hour, and nobody waits for it', async () => {
    issuer.introspection = says(true);
    await profile.keep(heard(hour));
    const { broker, counts } = await start();
    assert.equal(broker.state(notes).kind, 'ready');
    assert.deepEqual([issuer.metadataRequests, counts()], [0, [0, 0, 0, 0]]);
    profile.clock.advance(startDelayMs);
    await happens(() => counts()[2] === 1);
    assert.deepEqual(counts(), [1, 1, 1, 0]);
    assert.deepEqual([issuer.introspected, issuer.tokenRequests.length], [['refresh-1'], 0]);
    assert.doesNotMatch(profile.memento.text, /refresh-1|access-1/);
  });

  it('does not ask again after a reload, until an hour later', async () => {
    issuer.introspection = says(true);
    await profile.keep(heard(hour));
    const first = await start();
    profile.clock.advance(startDelayMs);
    await happens(() => first.counts()[2] === 1);
    await first.broker.close();
    const second = await start();
    profile.clock.advance(startDelayMs);
    await happens(() => second.counts()[0] === 1);
    assert.deepEqual(second.counts(), [1, 0, 0, 0]);
    await second.broker.close();
    profile.clock.advance(hour);
    const third = await start();
    profile.clock.advance(startDelayMs);
    await happens(() => third.counts()[2] === 1);
    assert.equal(issuer.introspected.length, 2);
  });

  it('asks nothing about a grant that was heard of within the hour', async () => {
    issuer.introspection = says(false);
    await profile.keep(heard(hour - minute));
    const { counts } = await start();
    profile.clock.advance(startDelayMs);
    await happens(() => counts()[0] === 1);
    assert.equal(issuer.metadataRequests, 0);
  });

  describe('of a grant that the issuer takes for dead', () => {
    beforeEach(async () => {
      issuer.introspection = says(false);
      await profile.keep(heard(hour));
    });

    it('renews, which brings it back when that was wrong', async () => {
      const { broker, wanted, counts } = await start();
      profile.clock.advance(startDelayMs);
      await happens(() => counts()[3] === 1);
      assert.equal((await broker.accessToken(notes)).token.reveal(), 'access-2');
      assert.deepEqual([wanted, issuer.tokenRequests.length], [[], 1]);
    });

    it('tells the user once when a renewal is refused as well', async () => {
      issuer.refuseNext('invalid_grant', 'The grant was revoked.');
      const { broker, wanted } = await start();
      profile.clock.advance(startDelayMs);
      await until(broker, () => broker.state(notes).kind === 'needs-sign-in');
      await soon();
      assert.deepEqual(
        wanted.map(({ server }) => server),
        [notes],
      );
    });

    it('leaves it alone when the renewal gets no answer', async () => {
      issuer.failNext({ status: 503 });
      const { broker, wanted } = await start();
      profile.clock.advance(startDelayMs);
      await until(broker, () => broker.state(notes).kind === 'retrying');
      assert.equal((await broker.accessToken(notes)).token.reveal(), 'access-1');
      assert.deepEqual(wanted, []);
    });
  });

  describe('changes nothing', () => {
    const rows: readonly (readonly [string, Fault | undefined, attempts: number])[] = [
      ['when the issuer offers no such thing', undefined, 1],
      ['when the issuer does not let us ask', { status: 401, body: { error: 'invalid_client' } }, 1],
      ['when there is a page in its place', { status: 200, body: '<title>Welcome</title>' }, 1],
      ['when the issuer is out of order, after three attempts', { status: 503 }, 3],
      ['when the connection breaks, after three attempts', 'reset', 3],
    ];
    for (const [what, fault, attempts] of rows) {
      it(what, async () => {
        issuer.introspection = fault && (() => fault);
        await profile.keep(heard(hour));
        const { broker, wanted, counts } = await start();
        for (let n = 1; n <= attempts; n++) {
          profile.clock.advance(n === 1 ? startDelayMs : n * 10 * second);
          await happens(() => counts()[1] === n);
          await happens(() => issuer.introspected.length === (fault ? n : 0) && issuer.metadataRequests > 0);
          for (let patience = 0; patience < 20; patience++) await soon();
        }
        profile.clock.advance(hour);
        await soon();
        assert.deepEqual(counts(), [1, attempts, 0, 0]);
        assert.equal(broker.state(notes).kind, 'ready');
        assert.deepEqual([wanted, issuer.tokenRequests.length], [[], 0]);
      });
    }
  });

  it('waits while the network is down, and goes on when it is back', async () => {
    const far = 'https://login.example.com';
    const metadata = {
      issuer: far,
      token_endpoint: `${far}/token`,
      introspection_endpoint: `${far}/introspect`,
    };
    const scripted = new ScriptedFetch({
      [`GET ${far}/.well-known/oauth-authorization-server`]: json(metadata),
      [`POST ${far}/introspect`]: json({ active: true }),
    });
    profile.fetch = scripted.fetch;
    profile.network.goDown();
    const credential = heard(hour);
    await profile.keep({ ...credential, account: { ...credential.account, issuer: far } });
    const { counts } = await start();
    profile.clock.advance(10 * minute);
    await soon();
    assert.deepEqual([scripted.asked, counts()], [[], [0, 0, 0, 0]]);
    profile.network.comeBack();
    profile.clock.advance(5 * second);
    await happens(() => counts()[2] === 1);
  });

  it('lets no provider wait for another', async () => {
    const other = await ScriptedIssuer.start();
    const mail = 'mail' as ServerId;
    const mailbox = 'https://mail.example.com/mcp';
    issuer.introspection = () => 'hang';
    other.introspection = says(true);
    await profile.keep(heard(hour), { ...heard(hour, other), resource: mailbox });
    const { counts } = await start([serverAt(), serverAt(mailbox, {}, mail)]);
    profile.clock.advance(startDelayMs);
    await happens(() => counts()[2] === 1);
    assert.deepEqual(counts(), [2, 2, 1, 0]);
    await profile.close(); // What hangs is given up with the window.
    await other.close();
  });

  describe('of a grant that died long ago', () => {
    const dead = (agoMs: number): Credential => ({
      ...issuer.credential(0),
      tokens: { kind: 'refused', reason: 'revoked', refusedAtMs: profile.clock.nowMs() - agoMs },
    });

    const signOuts = () => profile.audit.events.filter(({ kind }) => kind === 'sign-out');

    it('forgets the account, as the user’s rule says', async () => {
      await profile.keep(dead(90 * day));
      const { broker, wanted } = await start();
      assert.equal(broker.state(notes).kind, 'needs-sign-in');
      profile.clock.advance(startDelayMs);
      await happens(() => signOuts().length > 0);
      assert.equal(broker.state(notes).kind, 'signed-out');
      assert.ok(![...profile.secrets.values.keys()].some((key) => key.startsWith('credential:')));
      const { account, resource } = dead(0);
      const event = { kind: 'sign-out', outcome: 'expired', server: notes, account, resource, generation: 1 };
      assert.deepEqual([signOuts(), wanted], [[event], []]);
    });

    it('forgets those that no server of this window uses as well, and no other', async () => {
      const at = (subject: string, of: Credential): Credential => ({
        ...of,
        account: { ...of.account, subject, label: subject },
        resource: 'https://elsewhere.example.com/mcp',
      });
      const others = [at('dead', dead(90 * day)), at('ill', dead(day)), at('well', heard(200 * day))];
      await profile.keep(heard(0), ...others);
      const { counts } = await start();
      profile.clock.advance(startDelayMs);
      await happens(() => signOuts().length > 0 && counts()[0] === 1);
      for (let turn = 0; turn < 20; turn++) await soon();
      const vault = new CredentialVault({ ...profile.vaultParts(), closing: AbortSignal.abort() });
      const left = await Promise.all(others.map((other) => vault.get(keyOf(other))));
      assert.deepEqual(
        left.map((credential) => credential?.tokens.kind),
        [undefined, 'refused', 'alive'],
      );
      assert.deepEqual(
        signOuts().map(({ account, server }) => [account?.label, server]),
        [['dead', undefined]],
      );
    });

    const kept: readonly (readonly [string, number, number])[] = [
      ['one that died later than the rule says', 90 * day - minute, 90 * day],
      ['all of them, when the rule says never', 1000 * day, 0],
    ];
    for (const [what, agoMs, ruleMs] of kept) {
      it(`keeps ${what}`, async () => {
        profile.rules = { ...profile.rules, removeDeadAfterMs: () => ruleMs };
        await profile.keep(dead(agoMs));
        const { broker, counts } = await start();
        profile.clock.advance(startDelayMs);
        await happens(() => counts()[0] === 1);
        await soon();
        assert.equal(broker.state(notes).kind, 'needs-sign-in');
      });
    }

    describe('while another account is there', () => {
      const bob = (): Credential => {
        const credential = heard(0);
        return {
          ...credential,
          account: { ...credential.account, subject: 'bob', label: 'bob@example.com' },
        };
      };

      it('gives its place to nobody by itself', async () => {
        await profile.keep(dead(90 * day));
        const { broker } = await start();
        await profile.keep(bob());
        profile.clock.advance(startDelayMs);
        await happens(() => signOuts().length > 0);
        assert.equal(broker.account(notes), undefined);
        await broker.close();
        const next = await start();
        assert.deepEqual(
          [next.broker.account(notes), next.broker.otherAccounts(notes).length],
          [undefined, 1],
        );
      });

      it('leaves the server to whom the user has chosen in another window meanwhile', async () => {
        await profile.keep(dead(90 * day));
        await (await start()).broker.close();
        await profile.keep(bob());
        const forgetting = await start();
        profile.clock.advance(second);
        const choosing = await start();
        await choosing.broker.useAccount(notes, bob().account);
        await choosing.broker.close();
        assert.deepEqual(signOuts(), []);
        profile.clock.advance(startDelayMs - second);
        await happens(() => signOuts().length > 0);
        await forgetting.broker.close();
        assert.equal((await start()).broker.account(notes)?.subject, 'bob');
      });
    });

    it('keeps one that another window has signed in again meanwhile', async () => {
      await profile.keep(dead(90 * day));
      const { broker, counts } = await start();
      await profile.keep({ ...heard(0), generation: 2 });
      profile.clock.advance(startDelayMs);
      await happens(() => counts()[0] === 1);
      await until(broker, () => broker.state(notes).kind === 'ready');
      assert.deepEqual(signOuts(), []);
    });
  });
});

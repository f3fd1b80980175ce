import assert from 'node:assert/strict';
import type { Broker } from '../../../src/broker/broker.js';
import type { Counters } from '../../../src/core/counters.js';
import { hasCode } from '../../../src/core/errors.js';
import type { ServerId } from '../../../src/core/server.js';
import { clientIdOfGrant } from '../../../src/core/grant.js';
import { keyOf, keyText, type LiveCredential } from '../../../src/core/credential.js';
import type { SignOutExtent } from '../../../src/broker/sign-in/sign-outs.js';
import { Secret } from '../../../src/core/secret.js';
import { CredentialVault } from '../../../src/vault/credentials.js';
import { resource, ScriptedIssuer } from '../scripted-issuer.js';
import { notes, Profile, serverAt } from '../window.js';

const hour = 3_600_000;
const other = 'other' as ServerId;

/** Lets everything run that waits for no socket and no timer. */
async function soon(): Promise<void> {
  for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
}

function gate() {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open: () => open() };
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

    it('under an earlier registration, which a new one has taken the place of', async () => {
      await useElsewhere();
      const now = issuer.credential(profile.clock.nowMs());
      const vault = new CredentialVault({ ...profile.vaultParts(), closing: AbortSignal.abort() });
      await vault.put({ ...now, client: { ...now.client, clientId: 'client-2' } });
      await vault.remove(now);
      await soon();
      assert.equal(await broker.signOut(notes, 'server'), 'left');
      const later = await reopened();
      assert.equal((await later.accessToken(notes)).token.reveal(), 'access-1');
    });

    it('for the resource as it was written before, in whose place another spelling of it has come', async () => {
      const now = issuer.credential(profile.clock.nowMs());
      const vault = new CredentialVault({ ...profile.vaultParts(), closing: AbortSignal.abort() });
      const before = { ...now, resource: 'HTTPS://MCP.Example.com:443/mcp' };
      await vault.remove(now);
      await vault.put(before);
      await useElsewhere();
      await vault.remove(before);
      await vault.put({ ...now, generation: 3 });
      await soon();
      assert.equal(await broker.signOut(notes, 'server'), 'left');
      const later = await reopened();
      assert.equal((await later.accessToken(notes)).token.reveal(), 'access-1');
    });

    it('when the bindings cannot be read at that moment', async () => {
      await useElsewhere();
      const load = profile.ledgers.bindings.load.bind(profile.ledgers.bindings);
      profile.ledgers.bindings.load = () => Promise.reject(new Error('EMFILE'));
      assert.equal(await broker.isUsedElsewhere(notes), true);
      assert.equal(await broker.signOut(notes, 'server'), 'left');
      profile.ledgers.bindings.load = load;
      const later = await reopened();
      assert.equal((await later.accessToken(notes)).token.reveal(), 'access-1');
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

  describe('of an account that has credentials for several clients of ours', () => {
    const clientOf = (clientId: string) => ({
      issuer: issuer.issuer,
      clientId,
      authMethod: 'none' as const,
      source: 'dynamic' as const,
    });
    const more = (changed: Partial<LiveCredential>) => {
      const { tokens, ...credential } = issuer.credential(profile.clock.nowMs(), changed);
      const name = `${credential.client.clientId} ${credential.account.subject} ${credential.resource}`;
      return { ...credential, tokens: { ...tokens, refreshToken: new Secret(name) } };
    };
    const subjectAt = (subject: string) => ({ issuer: issuer.issuer, subject, label: subject });
    const left = async () => {
      const vault = new CredentialVault({ ...profile.vaultParts(), closing: AbortSignal.abort() });
      await vault.open();
      return vault.list().map((entry) => `${entry.clientId} ${entry.account.subject}`);
    };

    for (const [extent, outcome, revoked] of [
      ['account', 'kept', []],
      ['grant', 'revoked', ['refresh-1', 'access-1', `client-2 alice ${resource}`, 'access-1']],
    ] as const) {
      it(`ends all of them (${extent}), and nobody else’s, nor those for another resource or by a grant`, async () => {
        const others = [
          more({ client: clientOf('client-3'), account: subjectAt('bob') }),
          more({ client: clientOf('client-4'), resource: 'https://mcp.example.com/other' }),
          more({ client: clientOf('client-5'), grant: { kind: 'client_credentials' } }),
        ];
        for (const one of [more({ client: clientOf('client-2') }), ...others]) await profile.keep(one);
        assert.equal(await broker.signOut(notes, extent), outcome);
        assert.deepEqual(issuer.revoked, revoked);
        assert.deepEqual((await left()).sort(), ['client-3 bob', 'client-4 alice', 'client-5 alice']);
        const later = await reopened();
        assert.equal(later.account(notes)?.subject, 'bob');
      });
    }

    it('leaves those that a server of another workspace uses, when one server alone is signed out', async () => {
      const { broker: elsewhere } = profile.window(undefined, 'file:///b');
      await profile.keep(more({ client: clientOf('client-2') }));
      await elsewhere.setServers([serverAt(undefined, { clientId: 'client-2' })]);
      await elsewhere.accessToken(notes);
      await elsewhere.close();
      assert.equal(await broker.isUsedElsewhere(notes), true);
      assert.equal(await broker.signOut(notes, 'server'), 'left');
      assert.deepEqual(await left(), ['client-2 alice']);
    });

    it('ends with the last server those that nobody uses', async () => {
      await profile.keep(more({ client: clientOf('client-2') }));
      assert.equal(await broker.signOut(notes, 'server'), 'kept');
      assert.deepEqual(await left(), []);
    });

    it('ends what was granted for the same resource when that was written in another way', async () => {
      const written = more({ resource: 'HTTPS://MCP.Example.com:443/mcp' });
      await profile.keep(written);
      assert.equal(await broker.signOut(notes, 'grant'), 'revoked');
      assert.ok(issuer.revoked.includes(written.tokens.refreshToken.reveal()));
      assert.deepEqual(await left(), []);
    });

    it('leaves those of somebody without a name, who may be anybody', async () => {
      const nameless = subjectAt('');
      const own = more({ client: clientOf('client-2'), account: nameless });
      await profile.keep(more({ client: clientOf('client-3'), account: nameless }));
      await profile.keep(own);
      const server = serverAt(undefined, { clientId: 'client-2' }, other);
      await broker.setServers([server]);
      assert.equal(await broker.signOut(other, 'account'), 'kept');
      assert.deepEqual((await left()).sort(), ['client-1 alice', 'client-3 ']);
    });
  });

  it('of the last two servers, in two workspaces at once, leaves nothing that nobody uses', async () => {
    const { broker: elsewhere } = profile.window(undefined, 'file:///b');
    await elsewhere.setServers([serverAt()]);
    await Promise.all([broker, elsewhere].map((one) => one.accessToken(notes)));
    profile.clock.advance(250); // Both have written down that they use it.
    await soon();
    const results = await Promise.all([broker, elsewhere].map((one) => one.signOut(notes, 'server')));
    assert.ok(results.includes('kept'), results.join());
    assert.deepEqual(names(), ['journal-key']);
  });

  describe('that waits for another window', () => {
    /** Another window does `work` with the credential while this one is asked to sign out of it. */
    async function signOutDuring(extent: SignOutExtent, work: () => Promise<void>) {
      const [begun, ending] = [gate(), gate()];
      const key = keyText(keyOf(issuer.credential(0)));
      const elsewhere = profile.leases.window().hold(key, async () => {
        begun.open();
        await ending.passed;
        await work();
      });
      await begun.passed;
      const signingOut = broker.signOut(notes, extent);
      await soon();
      ending.open();
      await elsewhere;
      return signingOut;
    }

    const next = (signedInAtMs: number) => {
      const { tokens, ...rest } = issuer.credential(profile.clock.nowMs());
      const newer = { accessToken: new Secret('access-2'), refreshToken: new Secret('refresh-2') };
      return { ...rest, generation: 2, tokens: { ...tokens, ...newer, signedInAtMs } };
    };

    beforeEach(async () => {
      await profile.keep({ ...next(1_000), generation: 1 });
      await broker.accessToken(notes);
    });

    for (const extent of ['server', 'account', 'grant'] as const)
      it(`leaves what somebody has signed in for since it was asked for (${extent})`, async () => {
        assert.equal(await signOutDuring(extent, () => profile.keep(next(2_000))), 'superseded');
        assert.deepEqual(issuer.revoked, []);
        const later = await reopened();
        assert.equal((await later.accessToken(notes)).token.reveal(), 'access-2');
        assert.equal(broker.account(notes), undefined);
      });

    it('says that somebody has signed in since, and not that another server keeps it, which has been signed out, too', async () => {
      await broker.setServers([serverAt(), serverAt(undefined, {}, other)]);
      await broker.accessToken(other);
      assert.equal(await signOutDuring('grant', () => profile.keep(next(2_000))), 'superseded');
      assert.deepEqual(
        [notes, other].map((id) => broker.state(id).kind),
        ['signed-out', 'signed-out'],
      );
      assert.ok(profile.audit.events.some(({ kind, outcome }) => kind === 'sign-out' && outcome === 'kept'));
    });

    it('takes what that has renewed', async () => {
      assert.equal(await signOutDuring('grant', () => profile.keep(next(1_000))), 'revoked');
      assert.deepEqual(issuer.revoked, ['refresh-2', 'access-2']);
      assert.deepEqual(names(), ['journal-key']);
    });
  });

  describe('while a renewal is under way', () => {
    for (const where of ['this', 'another'] as const)
      it(`of ${where} window leaves a grant at the issuer that is to stay there`, async () => {
        const leaving = where === 'this' ? broker : profile.window().broker;
        if (leaving !== broker) await leaving.setServers([serverAt()]);
        const request = issuer.hold();
        const renewing = broker
          .refreshNow(notes)
          .catch((error: unknown) => assert.ok(hasCode(error, 'sign_in_required')));
        await request.arrived;
        const signingOut = leaving.signOut(notes, 'account');
        await soon();
        request.answer();
        await renewing;
        assert.equal(await signingOut, 'kept');
        assert.deepEqual([issuer.revoked, names()], [[], ['journal-key']]);
      });

    it('leaves the login of another program alone', async () => {
      const [asked, answered] = [gate(), gate()];
      profile.drivers = [
        {
          quirk: {
            issuer: issuer.issuer,
            reason: 'of a test',
            noAudience: { origins: [new URL(resource).origin] },
          },
          grantKinds: ['google'],
          usualScopes: ['scope'],
          missingScopes: () => [],
          scopeText: () => undefined,
          refusalReason: () => undefined,
          request: async () => {
            asked.open();
            await answered.passed;
            const token = { accessToken: new Secret('theirs'), refreshToken: new Secret('theirs-2') };
            return { kind: 'granted', token: { ...token, lifetimeSeconds: 3600, account } };
          },
        },
      ];
      const grant = { kind: 'google' } as const;
      const { account, client, tokens, ...rest } = issuer.credential(profile.clock.nowMs());
      const { refreshToken: _, ...others } = tokens;
      const theirs = { ...client, clientId: clientIdOfGrant(grant), source: 'configured' } as const;
      const credential = { ...rest, account, tokens: others, client: theirs, grant, resource: issuer.issuer };
      await profile.keep(credential);
      const mine = profile.window(undefined, 'file:///c').broker;
      await mine.setServers([serverAt(undefined, { grant, scopes: ['a'] })]);
      const renewing = mine
        .refreshNow(notes)
        .catch((error: unknown) => assert.ok(hasCode(error, 'sign_in_required')));
      await asked.passed;
      const signingOut = mine.signOut(notes);
      await soon();
      answered.open();
      await renewing;
      assert.equal(await signingOut, 'kept');
      assert.deepEqual(issuer.revoked, []);
    });
  });
});

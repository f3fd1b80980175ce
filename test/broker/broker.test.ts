import assert from 'node:assert/strict';
import type { Broker } from '../../src/broker/broker.js';
import type { SignInWanted } from '../../src/broker/wants.js';
import type { LiveCredential } from '../../src/core/credential.js';
import { canUserHelp, hasCode, type ErrorCode } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import type { ServerId } from '../../src/core/server.js';
import type { LentToken } from '../../src/core/token-source.js';
import { CredentialVault } from '../../src/vault/credentials.js';
import { resource, ScriptedIssuer } from './scripted-issuer.js';
import { notes, Profile, serverAt, until } from './window.js';

const fails = (work: Promise<unknown>, code: ErrorCode) =>
  assert.rejects(work, (error) => hasCode(error, code));
const hour = 3_600_000;

/** Lets everything run that waits for no socket and no timer. */
const soon = () => new Promise((resolve) => setImmediate(resolve));

describe('the broker', () => {
  let issuer: ScriptedIssuer;
  let profile: Profile;
  let broker: Broker;

  beforeEach(async () => {
    issuer = await ScriptedIssuer.start();
    profile = new Profile();
    await profile.keep(issuer.credential(profile.clock.nowMs()));
    ({ broker } = profile.window());
    await broker.setServers([serverAt()]);
  });
  afterEach(async () => {
    await profile.close();
    await issuer.close();
  });

  const text = ({ token }: LentToken): string => token.reveal();
  const as = (subject: string, changed: Partial<LiveCredential> = {}): LiveCredential => {
    const credential = issuer.credential(profile.clock.nowMs(), changed);
    return { ...credential, account: { ...credential.account, subject, label: `${subject}@example.com` } };
  };

  describe('lends a token', () => {
    it('from memory, without a request', async () => {
      const lent = await broker.accessToken(notes);
      assert.deepEqual([text(lent), lent.account.label], ['access-1', 'alice@example.com']);
      assert.equal(issuer.tokenRequests.length, 0);
    });

    it('after one renewal for fifty calls at the moment of expiry', async () => {
      profile.clock.sleep(hour);
      const calls = await Promise.all(
        Array.from({ length: 50 }, (_, n) => broker.accessToken(notes, `s-${n % 3}`)),
      );
      assert.deepEqual(new Set(calls.map(text)), new Set(['access-2']));
      assert.equal(issuer.tokenRequests.length, 1);
    });

    it('ahead of expiry, renewed in the background', async () => {
      profile.clock.advance(49 * 60_000);
      await until(broker, () => issuer.tokenRequests.length === 1 && broker.state(notes).kind === 'ready');
      assert.equal(text(await broker.accessToken(notes)), 'access-2');
      assert.equal(issuer.tokenRequests.length, 1);
    });

    it('while a renewal is under way, as long as the present one is good', async () => {
      const request = issuer.hold();
      profile.clock.advance(49 * 60_000);
      await request.arrived;
      assert.equal(broker.state(notes).kind, 'refreshing');
      assert.equal(text(await broker.accessToken(notes)), 'access-1');
      request.answer();
    });

    it('which is still good while the issuer cannot be reached, and fails fast afterwards', async () => {
      issuer.failNext({ status: 503 }, { status: 503 });
      await fails(broker.refreshNow(notes), 'issuer_unreachable');
      assert.equal(text(await broker.accessToken(notes)), 'access-1');
      profile.clock.sleep(hour);
      await fails(broker.accessToken(notes), 'issuer_unreachable');
      const before = issuer.tokenRequests.length;
      await fails(broker.accessToken(notes), 'issuer_unreachable');
      assert.equal(
        issuer.tokenRequests.length,
        before,
        'A call knocks although the next attempt has its time.',
      );
      const state = broker.state(notes);
      assert.ok(state.kind === 'retrying' && state.account.subject === 'alice');
    });

    it('only for a server there is', () => fails(broker.accessToken('other' as ServerId), 'server_unknown'));

    it('only when somebody has signed in', async () => {
      await broker.setServers([serverAt('https://other.example.com/mcp')]);
      await fails(broker.accessToken(notes), 'sign_in_required');
      assert.equal(broker.state(notes).kind, 'signed-out');
    });

    it('only for what the credential is for (RFC 9728 §3.3)', async () => {
      await broker.setServers([serverAt('https://mcp.example.com/mcp2')]);
      await fails(broker.accessToken(notes), 'sign_in_required');
    });
  });

  describe('brings a newer token than a refused one', () => {
    it('no more often than each window may, when two windows have a server that refuses every token', async () => {
      const { broker: other } = profile.window();
      await other.setServers([serverAt()]);
      const insist = async (one: Broker) => {
        try {
          for (let times = 0; times < 20; times++)
            await one.newerToken(notes, undefined, await one.accessToken(notes));
        } catch (error) {
          assert.ok(hasCode(error, 'token_rejected'));
          return;
        }
        assert.fail('Nothing stops it.');
      };
      await Promise.all([insist(broker), insist(other)]);
      const asked = issuer.tokenRequests.length;
      assert.ok(asked >= 5 && asked <= 10, `${asked} requests within a minute`);
      await Promise.all([insist(broker), insist(other)]);
      assert.equal(issuer.tokenRequests.length, asked, 'Both have braked.');
    });

    it('with one renewal for fifty calls that were refused', async () => {
      const refused = await broker.accessToken(notes);
      const calls = Array.from({ length: 50 }, (_, n) =>
        broker.newerToken(notes, n % 2 === 0 ? undefined : `s-${n}`, refused),
      );
      assert.deepEqual(new Set((await Promise.all(calls)).map(text)), new Set(['access-2']));
      assert.equal(issuer.tokenRequests.length, 1);
    });

    it('with no renewal for a call that was refused with an older one', async () => {
      const refused = await broker.accessToken(notes);
      await broker.newerToken(notes, undefined, refused);
      assert.equal(text(await broker.newerToken(notes, undefined, refused)), 'access-2');
      assert.equal(issuer.tokenRequests.length, 1);
    });

    it('with no second renewal for a call that looked up its session while the first one ended', async () => {
      const refused = await broker.accessToken(notes);
      const digest = crypto.subtle.digest.bind(crypto.subtle);
      let release: () => void = () => undefined;
      const gate = new Promise<void>((resolve) => {
        release = resolve;
      });
      crypto.subtle.digest = async (...args) => {
        // The journal takes digests, too.
        if (/"s-\d"/.test(Buffer.from(args[1] as Uint8Array).toString())) await gate;
        return digest(...args);
      };
      try {
        const late = [broker.newerToken(notes, 's-1', refused), broker.accessToken(notes, 's-2')];
        await broker.newerToken(notes, undefined, refused);
        release();
        assert.deepEqual((await Promise.all(late)).map(text), ['access-2', 'access-2']);
      } finally {
        Reflect.deleteProperty(crypto.subtle, 'digest');
      }
      assert.equal(issuer.tokenRequests.length, 1);
    });

    it('five times a minute, and then says that the server refuses every token', async () => {
      for (let n = 0; n < 5; n++) {
        await broker.newerToken(notes, undefined, await broker.accessToken(notes));
      }
      await fails(broker.newerToken(notes, undefined, await broker.accessToken(notes)), 'token_rejected');
      assert.equal(issuer.tokenRequests.length, 5);
      profile.clock.advance(60_000);
      await broker.newerToken(notes, undefined, await broker.accessToken(notes));
    });
  });

  describe('whose token cannot be renewed and is refused by a server', () => {
    const other = 'other' as ServerId;
    const third = 'third' as ServerId;

    async function sharedBy(...ids: readonly ServerId[]): Promise<void> {
      const credential = issuer.credential(profile.clock.nowMs());
      const { refreshToken: _, ...tokens } = credential.tokens;
      await profile.close();
      profile = new Profile();
      await profile.keep({ ...credential, tokens });
      ({ broker } = profile.window());
      await broker.setServers(ids.map((id) => ({ ...serverAt(), id })));
    }
    const refuse = async (id: ServerId) => broker.newerToken(id, undefined, await broker.accessToken(id));

    it('goes on for the others that use it', async () => {
      await sharedBy(notes, other);
      await fails(refuse(notes), 'token_rejected');
      await fails(refuse(notes), 'token_rejected');
      assert.equal(text(await broker.accessToken(other)), 'access-1');
      assert.deepEqual([broker.state(notes).kind, broker.state(other).kind], ['ready', 'ready']);
    });

    it('has nobody asked to sign in, since the call says what helps', async () => {
      await sharedBy(notes, other);
      const { broker: mine, wanted } = profile.window();
      await mine.setServers([serverAt(), { ...serverAt(), id: other }]);
      const lent = await mine.accessToken(notes);
      await assert.rejects(
        mine.newerToken(notes, undefined, lent),
        (error) => hasCode(error, 'token_rejected') && error.details['shared'] === 1,
      );
      assert.deepEqual(wanted, []);
    });

    it('has ended when another one refuses it, too', async () => {
      await sharedBy(notes, other, third);
      await fails(refuse(notes), 'token_rejected');
      await fails(refuse(other), 'grant_refused');
      await fails(broker.accessToken(third), 'grant_refused');
      assert.equal(broker.state(third).kind, 'needs-sign-in');
    });

    it('has ended when nobody else uses it', async () => {
      await sharedBy(notes);
      await fails(refuse(notes), 'grant_refused');
    });
  });

  describe('keeps a session with its account', () => {
    it('and has a client open a new one when the server is bound to somebody else', async () => {
      const lent = await broker.accessToken(notes);
      broker.sessionOpened(notes, 's-1', lent);
      await profile.keep(as('bob'));
      await broker.setServers([serverAt(resource, { account: 'bob@example.com' })]);
      await fails(broker.accessToken(notes, 's-1'), 'session_account_changed');
      await fails(broker.newerToken(notes, 's-1', lent), 'session_account_changed');
      assert.equal((await broker.accessToken(notes, 's-2')).account.subject, 'bob');
    });

    it('and remembers that a server without sessions was reached', async () => {
      broker.sessionOpened(notes, undefined, await broker.accessToken(notes));
      assert.equal(broker.wasReached(notes), true);
    });

    it('across a reload, and remembers that the server was reached', async () => {
      assert.equal(broker.wasReached(notes), false);
      broker.sessionOpened(notes, 's-1', await broker.accessToken(notes));
      assert.equal(broker.wasReached(notes), true);
      await broker.close();
      await profile.keep(as('bob'));
      const reloaded = profile.window().broker;
      await reloaded.setServers([serverAt()]);
      assert.equal(reloaded.wasReached(notes), true);
      assert.equal((await reloaded.accessToken(notes, 's-1')).account.subject, 'alice');
    });
  });

  describe('chooses the credential of a server', () => {
    it('silently when exactly one fits, and keeps to it when others come', async () => {
      await profile.keep(as('bob'));
      await broker.setServers([serverAt()]);
      assert.equal(broker.account(notes)?.subject, 'alice');
    });

    it('not at all when several fit', async () => {
      await profile.keep(as('bob'));
      const { broker: other } = profile.window(undefined, 'file:///b');
      await other.setServers([serverAt()]);
      assert.deepEqual(other.state(notes), { kind: 'signed-out', mustChoose: true });
      await fails(other.accessToken(notes), 'account_choice_required');
    });

    const rows = [
      ['the account that the settings name', { account: 'BOB@example.com' }, 'bob'],
      ['nobody when the settings name somebody else', { account: 'carol' }, undefined],
      ['nobody of another issuer', { issuer: 'https://as.example.com' }, undefined],
      ['nobody of another client', { clientId: 'client-2' }, undefined],
    ] as const;
    for (const [what, auth, expected] of rows) {
      it(what, async () => {
        await profile.keep(as('bob'));
        await broker.setServers([serverAt(resource, auth)]);
        assert.equal(broker.account(notes)?.subject, expected);
      });
    }

    const scopesRows = [
      ['with the scopes that are configured', ['a', 'b'], 'alice'],
      ['without those that only say who somebody is', ['openid', 'email', 'offline_access', 'a'], 'alice'],
      ['nobody who lacks one of them', ['a', 'c'], undefined],
    ] as const;
    for (const [what, scopes, expected] of scopesRows) {
      it(what, async () => {
        const { broker: other } = profile.window(undefined, 'file:///b');
        await other.setServers([serverAt(resource, { scopes })]);
        assert.equal(other.account(notes)?.subject, expected);
        assert.deepEqual(other.candidates(notes), []);
      });
    }

    it('the only one who has the scopes, of several who fit otherwise', async () => {
      await profile.keep(as('bob', { scopes: ['a', 'c'] }));
      const { broker: other } = profile.window(undefined, 'file:///b');
      await other.setServers([serverAt(resource, { scopes: ['c'] })]);
      assert.equal(other.account(notes)?.subject, 'bob');
    });

    it('and keeps to it although it was granted less than is configured', async () => {
      await broker.setServers([serverAt(resource, { scopes: ['c'] })]);
      assert.equal(broker.account(notes)?.subject, 'alice');
    });

    it('for the closest resource, when one account has several', async () => {
      const { origin } = new URL(resource);
      await profile.keep(as('alice', { resource: `${resource}/deep` }), as('alice', { resource: origin }));
      const { broker: other } = profile.window(undefined, 'file:///b');
      await other.setServers([serverAt(`${resource}/deep/er`)]);
      const { reach } = await other.accessToken(notes);
      assert.deepEqual(reach, { kind: 'resource', resource: `${resource}/deep` });
    });

    it('of the last registration, when one account has several', async () => {
      const { client } = issuer.credential(0);
      await profile.keep(as('alice', { client: { ...client, clientId: 'client-2' }, generation: 7 }));
      const { broker: other } = profile.window(undefined, 'file:///b');
      await other.setServers([serverAt()]);
      assert.equal(other.state(notes).kind, 'ready');
      await other.close();
      assert.match(profile.ledgers.bindings.lines.at(-1) ?? '', /file:\/\/\/b.*client-2/);
    });

    it('and leaves a trail of each new binding, and of no other', async () => {
      const bindings = () => profile.audit.events.filter(({ kind }) => kind === 'binding');
      assert.deepEqual(bindings(), [
        { kind: 'binding', outcome: 'only', server: notes, account: as('alice').account, resource },
      ]);
      await broker.close();
      const { broker: reloaded } = profile.window();
      await reloaded.setServers([serverAt()]);
      reloaded.sessionOpened(notes, 's-1', await reloaded.accessToken(notes));
      assert.equal(bindings().length, 1);
    });

    it('takes the issuer with or without its terminating slash', async () => {
      await broker.setServers([serverAt(resource, { issuer: `${issuer.issuer}/` })]);
      assert.equal(broker.account(notes)?.subject, 'alice');
    });

    it('puts nobody in the place of an account that has signed out in another workspace', async () => {
      await profile.keep(as('bob'));
      const { broker: elsewhere } = profile.window(undefined, 'file:///b');
      await elsewhere.setServers([serverAt(resource, { account: 'alice@example.com' })]);
      await elsewhere.signOut(notes);
      await broker.close();
      const { broker: reloaded } = profile.window();
      await reloaded.setServers([serverAt()]);
      assert.equal(reloaded.account(notes)?.subject, undefined);
      await fails(reloaded.accessToken(notes), 'sign_in_required');
    });

    it('finds the same account again under another registration', async () => {
      const { broker: elsewhere } = profile.window(undefined, 'file:///b');
      await elsewhere.setServers([serverAt()]);
      await elsewhere.signOut(notes);
      const { client } = issuer.credential(0);
      await profile.keep(as('alice', { client: { ...client, clientId: 'client-2' } }), as('bob'));
      await broker.close();
      const { broker: reloaded } = profile.window();
      await reloaded.setServers([serverAt()]);
      assert.equal(reloaded.account(notes)?.subject, 'alice');
    });
  });

  describe('when several accounts fit', () => {
    let wanted: readonly SignInWanted[];

    beforeEach(async () => {
      await profile.keep(as('bob'));
      ({ broker, wanted } = profile.window(undefined, 'file:///b'));
      await broker.setServers([serverAt()]);
    });

    it('names them, and says so once to every call', async () => {
      assert.deepEqual(
        broker.candidates(notes).map(({ subject }) => subject),
        ['alice', 'bob'],
      );
      await fails(broker.accessToken(notes), 'account_choice_required');
      await fails(broker.refreshNow(notes), 'account_choice_required');
      broker.wantSignIn(notes);
      broker.wantSignIn(notes);
      assert.deepEqual(
        wanted.map(({ cause }) => cause),
        ['undecided', 'undecided'],
      );
    });

    it('lets a call that waits go on with the one whom the user chooses, and remembers it', async () => {
      const waiting = broker.signedIn(notes, new AbortController().signal);
      await broker.useAccount(notes, as('bob').account);
      await waiting;
      assert.equal((await broker.accessToken(notes)).account.subject, 'bob');
      assert.deepEqual(broker.candidates(notes), []);
      assert.ok(profile.audit.events.some(({ outcome }) => outcome === 'chosen'));
      await broker.close();
      const { broker: reloaded } = profile.window(undefined, 'file:///b');
      await reloaded.setServers([serverAt()]);
      assert.equal(reloaded.account(notes)?.subject, 'bob');
    });

    it('asks for each server and each workspace', async () => {
      const other = 'other' as ServerId;
      await broker.setServers([serverAt(), serverAt(`${resource}/other`, {}, other)]);
      await broker.useAccount(notes, as('bob').account);
      assert.deepEqual(broker.state(other), { kind: 'signed-out', mustChoose: true });
      const { broker: elsewhere } = profile.window(undefined, 'file:///c');
      await elsewhere.setServers([serverAt()]);
      assert.equal(elsewhere.candidates(notes).length, 2);
    });

    it('takes nobody who does not fit', () =>
      fails(broker.useAccount(notes, as('carol').account), 'sign_in_required'));

    it('binds the one who is left when the other signs out elsewhere', async () => {
      const { broker: elsewhere } = profile.window();
      await elsewhere.setServers([serverAt(resource, { account: 'alice@example.com' })]);
      await elsewhere.signOut(notes);
      await until(broker, () => broker.account(notes) !== undefined);
      assert.equal(broker.account(notes)?.subject, 'bob');
    });

    it('asks nobody once the user has signed out here', async () => {
      await broker.useAccount(notes, as('bob').account);
      await broker.signOut(notes);
      assert.deepEqual(broker.state(notes), { kind: 'signed-out' });
      await fails(broker.accessToken(notes), 'sign_in_required');
    });
  });

  describe('signs out', () => {
    it('here and at the issuer, and puts nobody in the place of the one who left', async () => {
      await profile.keep(as('bob'));
      assert.equal(await broker.signOut(notes), 'revoked');
      assert.deepEqual(issuer.revoked, ['refresh-1', 'access-1']);
      assert.equal(broker.state(notes).kind, 'signed-out');
      await fails(broker.accessToken(notes), 'sign_in_required');
      await broker.close();
      const { broker: reloaded } = profile.window();
      await reloaded.setServers([serverAt()]);
      assert.equal(reloaded.state(notes).kind, 'signed-out');
      assert.ok([...profile.secrets.values.keys()].every((key) => !key.includes('alice')));
    });

    it('every server of the workspace that uses the same credential', async () => {
      const other = 'other' as ServerId;
      await broker.setServers([serverAt(), serverAt(`${resource}/other`, {}, other)]);
      await broker.signOut(notes);
      assert.equal(broker.state(other).kind, 'signed-out');
      assert.equal(await broker.signOut(other), 'was-signed-out');
    });

    it('also when the issuer cannot be told', async () => {
      await issuer.close();
      assert.equal(await broker.signOut(notes), 'forgotten');
      assert.equal(broker.state(notes).kind, 'signed-out');
      issuer = await ScriptedIssuer.start();
    });

    it('while a renewal is under way, of which nothing is left', async () => {
      const request = issuer.hold();
      const renewing = fails(broker.refreshNow(notes), 'sign_in_required');
      await request.arrived;
      const leaving = broker.signOut(notes);
      await until(broker, () => broker.state(notes).kind === 'signed-out');
      // The renewal has the lease; what it brings is what is revoked.
      request.answer();
      await Promise.all([renewing, leaving]);
      assert.deepEqual(issuer.revoked, ['refresh-2', 'access-2']);
      assert.deepEqual([...profile.secrets.values.keys()], ['journal-key']);
    });

    it('though a call comes in the middle of it', async () => {
      const release = profile.secrets.hold('delete');
      const signingOut = broker.signOut(notes);
      while (profile.secrets.asked.at(-1)?.[0] !== 'delete') await soon();
      await fails(broker.accessToken(notes), 'sign_in_required');
      release();
      await signingOut;
      assert.equal(broker.state(notes).kind, 'signed-out');
      profile.clock.advance(hour);
      await soon();
      assert.deepEqual([...profile.secrets.values.keys()], ['journal-key']);
      assert.equal(issuer.tokenRequests.length, 0, 'The background goes on with what has gone.');
    });

    it('one server alone, and keeps what a server of another workspace still uses', async () => {
      const { broker: elsewhere } = profile.window(undefined, 'file:///b');
      await elsewhere.setServers([serverAt()]);
      await elsewhere.accessToken(notes);
      await elsewhere.close();
      assert.equal(await broker.isUsedElsewhere(notes), true);
      assert.equal(await broker.signOut(notes, 'server'), 'left');
      assert.equal(broker.state(notes).kind, 'signed-out');
      await fails(broker.accessToken(notes), 'sign_in_required');
      assert.deepEqual(issuer.revoked, []);
      await broker.close();
      const { broker: reopened } = profile.window(undefined, 'file:///b');
      await reopened.setServers([serverAt()]);
      assert.equal(reopened.account(notes)?.subject, 'alice');
      await reopened.accessToken(notes);
      // The last user takes it along.
      assert.equal(await reopened.signOut(notes, 'server'), 'kept');
      assert.ok([...profile.secrets.values.keys()].every((key) => !key.includes('alice')));
    });

    it('says when there is nobody', async () => {
      await broker.signOut(notes);
      assert.equal(await broker.signOut(notes), 'was-signed-out');
    });
  });

  describe('when only the user can help', () => {
    it('says so once, with the same cause for every call that meets it', async () => {
      const { broker: mine, wanted } = profile.window();
      await mine.setServers([serverAt()]);
      issuer.refuseNext('invalid_grant', 'The grant was revoked.');
      profile.clock.sleep(hour);
      const calls = await Promise.allSettled(Array.from({ length: 10 }, () => mine.accessToken(notes)));
      assert.ok(calls.every((call) => call.status === 'rejected' && hasCode(call.reason, 'grant_refused')));
      assert.equal(wanted.length, 1);
      const limit = new AbortController();
      const waits = Array.from({ length: 3 }, () => mine.signedIn(notes, limit.signal));
      assert.equal(new Set(wanted.map(({ cause }) => cause)).size, 1);
      limit.abort(new Error('limit'));
      for (const wait of waits) await assert.rejects(wait, /limit/);
      const state = mine.state(notes);
      assert.ok(
        state.kind === 'needs-sign-in' && state.reason === 'revoked' && state.account.subject === 'alice',
      );
    });

    it('says once that a client which somebody looks after is refused, lets a call wait, and keeps the grant', async () => {
      const mine = new Profile();
      const { client } = issuer.credential(0);
      const own = { ...client, source: 'configured', clientSecret: new Secret('s') } as const;
      const kept = issuer.credential(mine.clock.nowMs());
      await mine.keep({ ...kept, client: { ...own, authMethod: 'client_secret_post' } });
      const { broker: other, wanted } = mine.window();
      await other.setServers([serverAt()]);
      mine.clock.sleep(hour);
      issuer.refuseNext('invalid_client');
      const refusal: unknown = await other.accessToken(notes).catch((error: unknown) => error);
      assert.ok(canUserHelp(refusal) && hasCode(refusal, 'client_refused'));
      const state = other.state(notes);
      assert.equal(state.kind === 'retrying' && state.refusedClient, 'client-1');
      let isWaiting = true;
      const waiting = other.signedIn(notes, new AbortController().signal).then(() => (isWaiting = false));
      issuer.refuseNext('invalid_client');
      await fails(other.refreshNow(notes), 'client_refused');
      assert.equal(isWaiting, true);
      assert.equal(new Set(wanted.map(({ cause }) => cause)).size, 1);
      assert.deepEqual(
        wanted.map(({ isCall }) => isCall),
        [false, true],
      );
      await other.refreshNow(notes);
      await waiting;
      assert.equal(text(await other.accessToken(notes)), 'access-2');
      await mine.close();
    });

    it('says so in the background when a token without successor has ended', async () => {
      const { refreshToken: _, ...tokens } = issuer.credential(profile.clock.nowMs()).tokens;
      const mine = new Profile();
      await mine.keep(issuer.credential(mine.clock.nowMs(), { tokens }));
      const { broker: other, wanted } = mine.window();
      await other.setServers([serverAt()]);
      mine.clock.advance(hour - 1);
      assert.deepEqual([other.state(notes).kind, wanted.length], ['ready', 0]);
      mine.clock.advance(1);
      assert.deepEqual([other.state(notes).kind, wanted.length], ['needs-sign-in', 1]);
      await mine.close();
    });

    it('remembers the account when the keyring has lost the secret, and says nothing at the start', async () => {
      profile.secrets.values.clear();
      const { broker: reloaded, wanted } = profile.window();
      await reloaded.setServers([serverAt()]);
      const state = reloaded.state(notes);
      assert.ok(state.kind === 'needs-sign-in' && state.reason === 'secret-missing');
      assert.equal(state.account.label, 'alice@example.com');
      assert.deepEqual(wanted, []);
      await fails(reloaded.accessToken(notes), 'grant_refused');
    });

    it('stops waiting when the caller has gone before it began', async () => {
      await broker.signOut(notes);
      const gone = AbortSignal.abort(new Error('gone'));
      await assert.rejects(broker.signedIn(notes, gone), /gone/);
    });

    it('does not wait when it need not', () => broker.signedIn(notes, new AbortController().signal));
  });

  describe('starts', () => {
    it('with what is sound, though the record beside it is damaged', async () => {
      const mail = 'mail' as ServerId;
      const other = 'https://mail.example.com/mcp';
      await profile.keep(as('alice', { resource: other }));
      const [damaged = ''] = [...profile.secrets.values.keys()].filter((key) => key.includes(other));
      profile.secrets.values.set(damaged, '{"refreshToken":"refresh-1"');
      profile.journal.texts.clear();
      const { broker: reloaded } = profile.window();
      await reloaded.setServers([serverAt(other, {}, mail), serverAt()]);
      assert.equal(reloaded.state(mail).kind, 'needs-sign-in');
      assert.equal(text(await reloaded.accessToken(notes)), 'access-1');
    });

    it('though the keyring does not open for one of its records, which the next call reads', async () => {
      const mail = 'mail' as ServerId;
      await profile.keep(as('alice', { resource: 'https://mail.example.com/mcp' }));
      const { broker: reloaded } = profile.window();
      profile.secrets.failNext('get');
      await reloaded.setServers([serverAt('https://mail.example.com/mcp', {}, mail), serverAt()]);
      assert.equal(text(await reloaded.accessToken(notes)), 'access-1');
      assert.equal(text(await reloaded.accessToken(mail)), 'access-1');
      assert.match(profile.log.text, /keyring is locked/);
    });

    it('without a request, a browser or a question', async () => {
      const { broker: reloaded, wanted } = profile.window();
      await reloaded.setServers([serverAt()]);
      assert.equal(reloaded.state(notes).kind, 'ready');
      assert.deepEqual([issuer.tokenRequests.length, issuer.metadataRequests, wanted], [0, 0, []]);
    });
  });

  describe('in a storm', () => {
    it('goes on with the token in hand, and with nothing when there is none', async () => {
      for (let n = 0; n < 20; n++) await broker.refreshNow(notes);
      await fails(broker.refreshNow(notes), 'too_many_attempts');
      const state = broker.state(notes);
      assert.ok(state.kind === 'retrying' && state.code === 'too_many_attempts');
      assert.equal(text(await broker.accessToken(notes)), 'access-21');
      assert.equal(issuer.tokenRequests.length, 20);
      profile.clock.advance(60_000);
      await until(broker, () => broker.state(notes).kind === 'ready');
      assert.equal(issuer.tokenRequests.length, 21, 'The background goes on after the pause.');
    });

    it('renews tokens of five seconds for as long as it likes', async () => {
      issuer.lifetimeSeconds = 5;
      await broker.refreshNow(notes);
      for (let n = 0; n < 40; n++) {
        profile.clock.advance(4_100);
        await until(
          broker,
          () => broker.state(notes).kind === 'ready' && issuer.tokenRequests.length === n + 2,
        );
        await soon();
      }
      assert.equal(text(await broker.accessToken(notes)), 'access-42');
    });

    it('tells a caller that needs a new token how long the pause is, without a request', async () => {
      issuer.lifetimeSeconds = 1;
      for (let n = 0; n < 20; n++) await broker.refreshNow(notes);
      profile.clock.sleep(2_000);
      for (let n = 0; n < 3; n++) {
        await assert.rejects(broker.accessToken(notes), (error) => {
          assert.ok(hasCode(error, 'too_many_attempts'));
          assert.equal(error.details['nextAttemptAtMs'], profile.clock.nowMs() + 58_000);
          return true;
        });
      }
      assert.equal(issuer.tokenRequests.length, 20);
    });
  });

  it('without a network lends what is good, and then says what is wrong without a request', async () => {
    const mine = new Profile();
    const far = 'https://login.example.com';
    const credential = issuer.credential(mine.clock.nowMs());
    await mine.keep({ ...credential, account: { ...credential.account, issuer: far } });
    const { broker: other, wanted } = mine.window();
    await other.setServers([serverAt()]);
    mine.network.goDown();
    mine.clock.advance(55 * 60_000);
    const state = other.state(notes);
    assert.ok(state.kind === 'retrying' && state.code === 'network_down');
    assert.equal(text(await other.accessToken(notes)), 'access-1');
    mine.clock.advance(hour);
    await fails(other.accessToken(notes), 'network_down');
    assert.deepEqual(wanted, []);
    await mine.close();
  });

  describe('records', () => {
    /** All but the binding, which was made before. */
    const events = () => profile.audit.events.filter(({ kind }) => kind !== 'binding');
    const recorded = () =>
      events().map(({ kind, outcome, server, account, generation, code }) =>
        [kind, outcome, server, account?.subject, generation, code].filter((part) => part !== undefined),
      );

    it('that a token was lent, once for each', async () => {
      const lent = await broker.accessToken(notes);
      await broker.accessToken(notes, 's-1');
      assert.deepEqual(recorded(), [['delivery', notes, 'alice', 1]]);
      assert.equal(events()[0]?.token, lent.token);
      await broker.newerToken(notes, undefined, lent);
      assert.deepEqual(recorded().slice(1), [
        ['refresh', 'renewed', 'alice', 2],
        ['delivery', notes, 'alice', 2],
      ]);
    });

    it('that a session was refused another account', async () => {
      broker.sessionOpened(notes, 's-1', await broker.accessToken(notes));
      await profile.keep(as('bob'));
      await broker.setServers([serverAt(resource, { account: 'bob@example.com' })]);
      await fails(broker.accessToken(notes, 's-1'), 'session_account_changed');
      assert.deepEqual(recorded().at(-1), ['refusal', notes, 'bob', 'session_account_changed']);
    });

    it('a sign-out, and how far it came', async () => {
      await broker.signOut(notes);
      assert.deepEqual(recorded(), [['sign-out', 'revoked', notes, 'alice', 1]]);
    });
  });

  it('closes only when a renewal that has left is saved', async () => {
    const request = issuer.hold();
    const renewing = broker.refreshNow(notes);
    await request.arrived;
    const closing = broker.close();
    request.answer();
    await closing;
    assert.ok([...profile.secrets.values.values()].some((value) => value.includes('refresh-2')));
    await renewing;
  });

  it('reports a listener that throws, and tells the others', async () => {
    let isTold = false;
    broker.onDidChange(() => {
      throw new Error('a bug in a view');
    });
    broker.onDidChange(() => (isTold = true));
    await broker.refreshNow(notes);
    assert.ok(isTold);
    assert.match(profile.log.text, /a bug in a view/);
  });

  it('writes no token into log or globalState', async () => {
    broker.sessionOpened(notes, 's-1', await broker.accessToken(notes, 's-1'));
    await broker.refreshNow(notes);
    issuer.failNext({ status: 503 }, { status: 200, body: '{"access_token":"access-9"' });
    await assert.rejects(broker.refreshNow(notes));
    await assert.rejects(broker.refreshNow(notes));
    const request = issuer.hold();
    const saving = broker.refreshNow(notes);
    await request.arrived;
    profile.secrets.failNext('store');
    profile.journal.failNext('write');
    request.answer();
    await profile.clock.armed(200);
    profile.clock.advance(200);
    await saving;
    await broker.signOut(notes);
    assert.ok(profile.log.lines.length > 3);
    assert.doesNotMatch(profile.log.text + profile.memento.text, /access-\d|refresh-\d/);
  });

  describe('in two windows with one vault', () => {
    it('lends what has taken the place of what another window removed, although nobody has heard of it', async () => {
      profile.journal.isMute = true;
      const first = issuer.credential(profile.clock.nowMs());
      const vault = new CredentialVault({ ...profile.vaultParts(), closing: AbortSignal.abort() });
      await vault.put({ ...first, client: { ...first.client, clientId: 'client-2' } });
      await vault.remove(first);
      profile.clock.sleep(hour);
      assert.equal(text(await broker.accessToken(notes)), 'access-2');
      assert.deepEqual(
        issuer.tokenRequests.map(({ client_id: id }) => id),
        ['client-2'],
      );
    });

    it('spends nothing again that was spent while the user signed out, though the sign-out has its turn later', async () => {
      const { broker: other } = profile.window();
      await other.setServers([serverAt()]);
      const request = issuer.hold();
      const renewing = assert.rejects(broker.refreshNow(notes), (error) =>
        hasCode(error, 'sign_in_required'),
      );
      await request.arrived;
      const elsewhere = assert.rejects(other.refreshNow(notes), (error) =>
        hasCode(error, 'sign_in_required'),
      );
      for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
      const signedOut = broker.signOut(notes);
      for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
      request.answer();
      await Promise.all([renewing, elsewhere, signedOut]);
      assert.equal(issuer.tokenRequests.length, 1);
    });

    it('renews once, when one comes after the other', async () => {
      const { broker: other } = profile.window();
      await other.setServers([serverAt()]);
      profile.clock.sleep(hour);
      assert.equal(text(await broker.accessToken(notes)), 'access-2');
      assert.equal(text(await other.accessToken(notes)), 'access-2');
      assert.equal(issuer.tokenRequests.length, 1);
    });

    it('helps a refused call in the second with what the first has stored', async () => {
      const { broker: other } = profile.window();
      await other.setServers([serverAt()]);
      const refused = await other.accessToken(notes);
      await broker.newerToken(notes, undefined, refused);
      assert.equal(text(await other.newerToken(notes, undefined, refused)), 'access-2');
      assert.equal(issuer.tokenRequests.length, 1);
    });

    it('takes in the second another record of the same generation, when the first has saved one', async () => {
      const { broker: other } = profile.window();
      await other.setServers([serverAt()]);
      const present = issuer.credential(profile.clock.nowMs());
      const tokens = { ...present.tokens, accessToken: new Secret('access-of-the-first') };
      await profile.keep({ ...present, tokens });
      // Ciphers work in threads of their own: only the test's own limit ends this.
      while (text(await other.accessToken(notes)) !== 'access-of-the-first') await soon();
    });

    it('finds in the second what the first has signed in for, though the news got lost', async () => {
      const mine = new Profile();
      const { broker: other } = mine.window();
      await other.setServers([serverAt()]);
      mine.journal.isMute = true;
      await fails(other.accessToken(notes), 'sign_in_required');
      const present = issuer.credential(mine.clock.nowMs());
      await mine.keep({ ...present, tokens: { ...present.tokens, accessToken: new Secret('from-sign-in') } });
      assert.equal(text(await other.accessToken(notes)), 'from-sign-in');
      await mine.close();
    });

    it('finds in the second what has taken the place of a dead grant, though the news got lost', async () => {
      const { broker: other } = profile.window();
      await other.setServers([serverAt()]);
      issuer.refuseNext();
      await fails(other.refreshNow(notes), 'grant_refused');
      profile.journal.isMute = true;
      await profile.keep({ ...issuer.credential(profile.clock.nowMs()), generation: 3 });
      assert.equal(text(await other.accessToken(notes)), 'access-1');
    });

    it('reads nothing anew for a credential that none of its servers could use', async () => {
      const { broker: other } = profile.window();
      await other.setServers([serverAt('https://elsewhere.example.com/mcp')]);
      let changes = 0;
      other.onDidChange(() => changes++);
      await broker.refreshNow(notes);
      await soon();
      assert.equal(changes, 0);
    });

    it('is not signed out in the second by what the first has spent', async () => {
      const { broker: other, wanted, leases } = profile.window();
      await other.setServers([serverAt()]);
      const request = issuer.hold();
      const late = other.refreshNow(notes);
      await request.arrived;
      // The second one's process stands still in the middle of it, until it is given up.
      const first = broker.refreshNow(notes);
      leases.freeze();
      await until(broker, () => broker.state(notes).kind === 'refreshing');
      await soon();
      profile.clock.advance(15_000);
      await first;
      leases.thaw();
      request.answer();
      await late;
      assert.equal(text(await other.accessToken(notes)), 'access-2');
      assert.deepEqual(wanted, []);
    });
  });

  it('takes a token that was stored without an end, until the server refuses it', async () => {
    const mine = new Profile();
    const { expiresAtMs: _, ...tokens } = issuer.credential(0).tokens;
    await mine.keep(issuer.credential(0, { tokens: { ...tokens, accessToken: new Secret('endless') } }));
    const { broker: other } = mine.window();
    await other.setServers([serverAt()]);
    mine.clock.sleep(1000 * hour);
    const lent = await other.accessToken(notes);
    assert.equal(text(lent), 'endless');
    assert.equal(text(await other.newerToken(notes, undefined, lent)), 'access-2');
    await mine.close();
  });
});

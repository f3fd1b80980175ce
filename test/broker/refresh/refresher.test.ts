import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Departures } from '../../../src/broker/state/departures.js';
import { Grants } from '../../../src/broker/state/grants.js';
import { Holdings, type Held } from '../../../src/broker/state/holdings.js';
import { KeptLeases } from '../../../src/broker/state/kept-leases.js';
import { Issuers } from '../../../src/broker/state/issuers.js';
import { Leads } from '../../../src/broker/refresh/leads.js';
import { RefreshQueue } from '../../../src/broker/refresh/refresh-queue.js';
import { Refresher, type RefresherParts } from '../../../src/broker/refresh/refresher.js';
import { isUsable } from '../../../src/broker/state/schedule.js';
import { Scheduler } from '../../../src/broker/refresh/scheduler.js';
import { Unsaved } from '../../../src/broker/refresh/unsaved.js';
import { Counters } from '../../../src/core/counters.js';
import {
  isAlive,
  keyOf,
  keyText,
  type Credential,
  type LiveCredential,
} from '../../../src/core/credential.js';
import { BrokerError, hasCode, type ErrorCode, type ErrorDetails } from '../../../src/core/errors.js';
import type { IssuerAnswer, IssuerDriver, IssuerRefusal } from '../../../src/core/issuer-driver.js';
import { Secret } from '../../../src/core/secret.js';
import { googleDriver } from '../../../src/google/driver.js';
import { keyFor } from '../../../src/oauth/dpop.js';
import { readTextFile } from '../../../src/node/text-file.js';
import { readTokenFile } from '../../../src/node/token-file.js';
import { Attempts } from '../../../src/vault/journal/attempts.js';
import { CredentialVault } from '../../../src/vault/credentials.js';
import { defaultRules } from '../../support/default-rules.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeMemento } from '../../support/fake-memento.js';
import { FakeNetwork } from '../../support/fake-network.js';
import { FakeSecretStore } from '../../support/fake-secret-store.js';
import type { Fault } from '../../support/faults.js';
import { MemoryJournal } from '../../support/memory-journal.js';
import { MemoryLeases, type WindowLeases } from '../../support/memory-leases.js';
import { RecordingAudit } from '../../support/recording-audit.js';
import { RecordingLog } from '../../support/recording-log.js';
import { scratchFolder } from '../../support/scratch-folder.js';
import { sealedBefore } from '../../support/sealed-before.js';
import { TokenDesk } from '../../google/token-desk.js';
import { ScriptedIssuer } from '../scripted-issuer.js';

/** The tokens of a credential as text, for comparison. */
function tokensOf(credential: Credential | undefined): object {
  if (credential === undefined) return {};
  if (!isAlive(credential)) return credential.tokens;
  const { accessToken, refreshToken } = credential.tokens;
  return { access: accessToken.reveal(), refresh: refreshToken?.reveal() };
}

const reasonOf = (credential: Credential | undefined): string =>
  credential?.tokens.kind === 'refused' ? credential.tokens.reason : 'alive';

const random = () => 0.5;

describe('the refresher', () => {
  let issuer: ScriptedIssuer;
  let clock: FakeClock;
  let log: RecordingLog;
  let counters: Counters;
  let audit: RecordingAudit;
  let secrets: FakeSecretStore;
  let journal: MemoryJournal;
  let shared: MemoryLeases;
  let window: WindowLeases;
  let leases: KeptLeases;
  let vault: CredentialVault;
  let network: FakeNetwork;
  let holdings: Holdings;
  let departures: Departures;
  let unsaved: Unsaved;
  let refresher: Refresher;
  let closes: AbortController;
  let held: LiveCredential;
  let key: string;

  beforeEach(async () => {
    issuer = await ScriptedIssuer.start();
    [clock, log, secrets] = [new FakeClock(), new RecordingLog(), sealedBefore(new FakeSecretStore())];
    network = new FakeNetwork();
    [counters, audit] = [new Counters(), new RecordingAudit()];
    [journal, shared] = [new MemoryJournal(), new MemoryLeases(clock)];
    window = shared.window();
    leases = new KeptLeases(window);
    closes = new AbortController();
    vault = openVault();
    holdings = new Holdings((error) => assert.ifError(error));
    departures = new Departures();
    refresher = refresherOf(holdings);
    held = issuer.credential(clock.nowMs());
    key = keyText(keyOf(held));
    await vault.put(held);
    holdings.take(held);
  });
  afterEach(() => issuer.close());

  /** What is stored, as a window finds it that has just been opened. */
  const openVault = () =>
    new CredentialVault({
      secrets,
      memento: new FakeMemento(),
      journal,
      leases,
      clock,
      counters: new Counters(),
      log,
      closing: closes.signal,
    });

  function refresherOf(mine: Holdings, changed: Partial<RefresherParts> = {}): Refresher {
    const issuers = new Issuers(
      fetch,
      clock,
      new AbortController().signal,
      () => [],
      () => false,
    );
    const leads = new Leads(defaultRules.refreshLeadMs, random);
    const queue = new RefreshQueue(counters, log);
    const closing = closes.signal;
    const basics = {
      counters,
      audit,
      fetch,
      clock,
      random,
      log,
      network,
      vault,
      leases,
      holdings: mine,
      departures,
      closing,
    };
    unsaved = new Unsaved({ ...basics, changed: () => undefined });
    const grants = new Grants({ ...basics, issuers, readTokenFile });
    return new Refresher({ ...basics, issuers, grants, leads, queue, unsaved, ...changed });
  }

  function failSaves(times: number): void {
    secrets.failNext('store', times);
    journal.failNext('write', times);
  }

  /** Holds up what is stored from now on. */
  function holdSaves() {
    const stores = () => secrets.asked.filter(([operation]) => operation === 'store').length;
    const before = stores();
    const release = secrets.hold('store');
    const begun = async () => {
      while (stores() === before) await new Promise((resolve) => setImmediate(resolve));
    };
    return { release, begun };
  }

  const stored = () => vault.get(keyOf(held));
  const activity = () => holdings.get(key)?.activity;
  const fails = (work: Promise<unknown>, code: ErrorCode) =>
    assert.rejects(work, (error) => hasCode(error, code));

  it('brings new tokens that are stored, held and counted', async () => {
    clock.advance(60_000);
    const next = await refresher.refresh(key, 'call');
    const expected = { access: 'access-2', refresh: 'refresh-2' };
    for (const one of [next, await stored(), holdings.get(key)?.credential]) {
      assert.deepEqual(tokensOf(one), expected);
      assert.equal(one?.generation, 2);
    }
    assert.equal(next.tokens.issuedAtMs, clock.nowMs());
    assert.equal(next.tokens.expiresAtMs, clock.nowMs() + 3_600_000);
    assert.deepEqual(activity(), { kind: 'idle' });
  });

  it('makes one request for all who ask at the same time, and one more afterwards', async () => {
    const all = await Promise.all(Array.from({ length: 50 }, () => refresher.refresh(key, 'call')));
    assert.equal(new Set(all).size, 1);
    assert.equal(issuer.tokenRequests.length, 1);
    await refresher.refresh(key, 'call');
    assert.equal(issuer.tokenRequests.length, 2);
  });

  it('saves the rotated refresh token before anybody is given the access token', async () => {
    const { release, begun } = holdSaves();
    let isGiven = false;
    const work = refresher.refresh(key, 'call').then(() => (isGiven = true));
    await begun();
    assert.deepEqual(tokensOf(holdings.get(key)?.credential), tokensOf(held));
    assert.equal(isGiven, false);
    release();
    await work;
    assert.deepEqual(tokensOf(await stored()), { access: 'access-2', refresh: 'refresh-2' });
  });

  describe('reads an answer', () => {
    it('without a refresh token: the present one stays (RFC 6749 §6)', async () => {
      issuer.more = { refresh_token: undefined };
      assert.deepEqual(tokensOf(await refresher.refresh(key, 'call')), {
        access: 'access-2',
        refresh: 'refresh-1',
      });
    });
    it('without a lifetime: the end is unknown (RFC 6749 §5.1)', async () => {
      issuer.lifetimeSeconds = undefined;
      assert.ok(!('expiresAtMs' in (await refresher.refresh(key, 'call')).tokens));
    });
    it('with nulls for what is missing', async () => {
      issuer.more = { refresh_token: null, expires_in: null, scope: null, id_token: null };
      const next = await refresher.refresh(key, 'call');
      assert.deepEqual(
        [tokensOf(next), next.scopes],
        [{ access: 'access-2', refresh: 'refresh-1' }, ['a', 'b']],
      );
    });
    it('with narrower scopes, which are those that were granted (RFC 6749 §5.1)', async () => {
      issuer.more = { scope: 'a' };
      assert.deepEqual((await refresher.refresh(key, 'call')).scopes, ['a']);
    });
    it('with no lifetime at all: it is used until a server refuses it', async () => {
      issuer.lifetimeSeconds = 0;
      const { tokens } = await refresher.refresh(key, 'call');
      assert.ok(!('expiresAtMs' in tokens) && isUsable(tokens, clock.nowMs() + 3_600_000));
    });
  });

  describe('keeps the credential and tries again later after', () => {
    const rows: readonly (readonly [string, Fault])[] = [
      ['503', { status: 503 }],
      ['429', { status: 429 }],
      ['403 with a page', { status: 403, body: '<title>Blocked</title>' }],
      ['200 with a page', { status: 200, body: '<title>Welcome to the hotel</title>' }],
      ['200 with half a document', { status: 200, body: '{"access_token":' }],
      ['200 without tokens', { status: 200, body: {} }],
      ['302', { status: 302, headers: { location: 'https://portal.example/' } }],
      ['a connection that is reset', 'reset'],
      ['an answer that is lost', 'lostAnswer'],
    ];
    for (const [what, fault] of rows) {
      it(what, async () => {
        issuer.failNext(fault);
        let facts: ErrorDetails = {};
        await assert.rejects(refresher.refresh(key, 'call'), (error) => {
          assert.ok(hasCode(error, 'issuer_unreachable'));
          const { nextAttemptAtMs, ...rest } = error.details;
          assert.equal(nextAttemptAtMs, clock.nowMs() + 10_000);
          facts = rest;
          return true;
        });
        assert.deepEqual(tokensOf(await stored()), tokensOf(held));
        assert.equal(holdings.get(key)?.credential, held);
        assert.deepEqual(activity(), {
          kind: 'retrying',
          failures: 1,
          sinceMs: clock.nowMs(),
          nextAttemptAtMs: clock.nowMs() + 10_000,
          code: 'issuer_unreachable',
          details: facts,
        });
      });
    }

    it('a time without an answer', async () => {
      const timingOut = () => Promise.reject(new DOMException('The operation timed out.', 'TimeoutError'));
      await fails(refresherOf(holdings, { fetch: timingOut }).refresh(key, 'call'), 'issuer_unreachable');
      assert.equal(activity()?.kind, 'retrying');
    });

    it('metadata that cannot be had', async () => {
      const issuers = new Issuers(
        () => Promise.reject(new TypeError('fetch failed')),
        clock,
        new AbortController().signal,
        () => [],
        () => false,
      );
      await fails(refresherOf(holdings, { issuers }).refresh(key, 'call'), 'issuer_unreachable');
      assert.deepEqual(tokensOf(await stored()), tokensOf(held));
      assert.equal(issuer.tokenRequests.length, 0);
    });

    it('a certificate that is not trusted, ten minutes later, since it will not be trusted in ten seconds', async () => {
      const cause = Object.assign(new Error('expired'), { code: 'CERT_HAS_EXPIRED' });
      const untrusted = () => Promise.reject(new TypeError('fetch failed', { cause }));
      await fails(refresherOf(holdings, { fetch: untrusted }).refresh(key, 'call'), 'tls_untrusted');
      const found = activity();
      assert.equal(found?.kind === 'retrying' && found.nextAttemptAtMs - clock.nowMs(), 600_000);
    });

    describe('a refusal of a grant that is repeated without the user, whose proof may be fresh a moment later:', () => {
      beforeEach(async () => {
        const { refreshToken: _, ...tokens } = held.tokens;
        const client = { ...held.client, source: 'configured' } as const;
        held = { ...held, generation: 2, tokens, client, grant: { kind: 'client_credentials' } };
        await vault.put(held);
        holdings.take(held);
      });

      for (const [status, error] of [
        [403, 'rate_limited'],
        [403, 'forbidden'],
        [400, 'invalid_grant'],
        [400, 'invalid_scope'],
      ] as const)
        it(`${status} ${error}`, async () => {
          issuer.failNext({ status, body: { error, error_description: 'assertion expired' } });
          await assert.rejects(
            refresher.refresh(key, 'call'),
            (thrown) =>
              hasCode(thrown, 'token_refused') && thrown.details['reason'] === '"assertion expired"',
          );
          const found = activity();
          assert.equal(found?.kind === 'retrying' && found.code, 'token_refused');
          assert.deepEqual(tokensOf(await stored()), tokensOf(held));
          issuer.failNext({ status: 200, body: { token_type: 'Bearer', access_token: 'access-9' } });
          await refresher.refresh(key, 'call');
          assert.deepEqual(tokensOf(await stored()), { access: 'access-9', refresh: undefined });
        });
    });

    it('a refusal by no code of OAuth, and does not blame it for what ends the grant afterwards', async () => {
      issuer.failNext({ status: 403, body: { error: 'rate_limited' } });
      await fails(refresher.refresh(key, 'call'), 'issuer_unreachable');
      issuer.refuseNext('invalid_grant', 'The grant was revoked.');
      await fails(refresher.refresh(key, 'call'), 'grant_refused');
      assert.equal(reasonOf(await stored()), 'revoked');
    });

    describe('a client that somebody looks after, and that the issuer refuses today', () => {
      const secret = (text: string) =>
        ({ clientSecret: new Secret(text), authMethod: 'client_secret_post' }) as const;

      beforeEach(async () => {
        held = { ...held, generation: 2, client: { ...held.client, ...secret('old'), source: 'configured' } };
        await vault.put(held);
        await vault.putClient(held.client);
        holdings.take(held);
      });

      it('ten minutes later: the grant is kept, and goes on when the client is mended', async () => {
        issuer.failNext({ status: 401, body: { error: 'invalid_client' } });
        await fails(refresher.refresh(key, 'call'), 'client_refused');
        const found = activity();
        assert.equal(found?.kind === 'retrying' && found.nextAttemptAtMs - clock.nowMs(), 600_000);
        assert.equal(found?.kind === 'retrying' && found.code, 'client_refused');
        assert.deepEqual(tokensOf(await stored()), tokensOf(held));
        await refresher.refresh(key, 'call');
        assert.deepEqual(tokensOf(await stored()), { access: 'access-2', refresh: 'refresh-2' });
      });

      it('with the secret that somebody has entered since, which is kept with what it brought', async () => {
        await vault.putClient({ ...held.client, ...secret('new') });
        await refresher.refresh(key, 'call');
        assert.equal(issuer.tokenRequests.at(-1)?.['client_secret'], 'new');
        assert.equal((await stored())?.client.clientSecret?.reveal(), 'new');
      });

      it('and does not blame the attempt for what ends the grant afterwards: the refresh token was not looked at', async () => {
        issuer.failNext({ status: 401, body: { error: 'invalid_client' } });
        await fails(refresher.refresh(key, 'call'), 'client_refused');
        issuer.refuseNext('invalid_grant', 'The grant was revoked.');
        await fails(refresher.refresh(key, 'call'), 'grant_refused');
        assert.equal(reasonOf(await stored()), 'revoked');
      });

      it('and the next sign-in asks for its secret, unless a new one has been entered', async () => {
        issuer.refuseNext('invalid_client');
        await fails(refresher.refresh(key, 'call'), 'client_refused');
        assert.equal(await vault.client(issuer.issuer, held.client.clientId), undefined);
        const waiting = issuer.hold();
        issuer.refuseNext('invalid_client');
        const refreshing = refresher.refresh(key, 'call');
        await waiting.arrived;
        await vault.putClient({ ...held.client, ...secret('new') });
        waiting.answer();
        await fails(refreshing, 'client_refused');
        const known = await vault.client(issuer.issuer, held.client.clientId);
        assert.equal(known?.clientSecret?.reveal(), 'new');
      });
    });

    it('a keyring that cannot be read: another window may have rotated, and nobody knows', async () => {
      secrets.failNext('get', 2);
      await fails(refresher.refresh(key, 'call'), 'issuer_unreachable');
      assert.equal(activity()?.kind, 'retrying');
      assert.equal(issuer.tokenRequests.length, 0);
      await refresher.refresh(key, 'call');
    });
  });

  it('lends nobody a token that comes unbound in the place of a bound one, and keeps the key with the refresh token', async () => {
    const dpopKey = await keyFor(true, {
      issuer: issuer.issuer,
      dpop_signing_alg_values_supported: ['ES256'],
    });
    held = { ...held, generation: 2, tokens: { ...held.tokens, ...(dpopKey && { dpopKey }) } };
    await vault.put(held);
    holdings.take(held);
    await fails(refresher.refresh(key, 'call'), 'issuer_unreachable');
    const saved = await stored();
    assert.deepEqual(tokensOf(saved), { access: 'access-2', refresh: 'refresh-2' });
    assert.ok(saved !== undefined && isAlive(saved) && !isUsable(saved.tokens, clock.nowMs()));
    assert.equal(saved.tokens.dpopKey?.reveal(), dpopKey?.reveal());
    assert.equal(activity()?.kind, 'retrying');
    issuer.more = { token_type: 'DPoP' };
    const next = await refresher.refresh(key, 'call');
    assert.deepEqual(tokensOf(next), { access: 'access-3', refresh: 'refresh-3' });
    assert.ok(isUsable(next.tokens, clock.nowMs()));
  });

  it('counts failures in a row, honours Retry-After, and begins anew after a success', async () => {
    const delays: number[] = [];
    for (const headers of [{}, {}, { 'retry-after': '3600' }] as Record<string, string>[]) {
      issuer.failNext({ status: 503, headers });
      await fails(refresher.refresh(key, 'call'), 'issuer_unreachable');
      const found = activity();
      assert.ok(found?.kind === 'retrying');
      delays.push((found.nextAttemptAtMs - clock.nowMs()) / 1000);
    }
    assert.deepEqual(delays, [10, 20, 3600]);
    const asked = activity();
    assert.ok(asked?.kind === 'retrying' && asked.isAskedToWait);
    await refresher.refresh(key, 'call');
    assert.deepEqual(activity(), { kind: 'idle' });
    issuer.failNext({ status: 503 });
    await fails(refresher.refresh(key, 'call'), 'issuer_unreachable');
    const found = activity();
    assert.equal(found?.kind === 'retrying' && found.failures, 1);
  });

  describe('when the issuer refuses for good', () => {
    it('buries the tokens with the reason, and remembers the account', async () => {
      issuer.refuseNext('invalid_grant', 'The grant was revoked.');
      await assert.rejects(refresher.refresh(key, 'call'), (error) => {
        assert.ok(hasCode(error, 'grant_refused'));
        assert.deepEqual(error.details, { reason: 'revoked', account: 'alice@example.com' });
        return true;
      });
      const buried = { kind: 'refused', reason: 'revoked', refusedAtMs: clock.nowMs() };
      for (const one of [await stored(), holdings.get(key)?.credential]) {
        assert.deepEqual(tokensOf(one), buried);
        assert.deepEqual(one?.account, held.account);
      }
      await fails(refresher.refresh(key, 'call'), 'grant_refused');
      assert.equal(issuer.tokenRequests.length, 1);
    });

    it('remembers which sign-in was refused, so that its removal is not taken for that of another', async () => {
      const dated = { ...held, generation: 2, tokens: { ...held.tokens, signedInAtMs: 7 } };
      await vault.put(dated);
      holdings.take(dated);
      issuer.refuseNext();
      await fails(refresher.refresh(key, 'call'), 'grant_refused');
      assert.equal((await stored())?.tokens.signedInAtMs, 7);
    });

    it('forgets a registration that is gone, so that the next sign-in makes another, and no other one', async () => {
      await vault.putClient(held.client);
      issuer.refuseNext('invalid_client');
      await fails(refresher.refresh(key, 'call'), 'grant_refused');
      assert.equal(await vault.client(issuer.issuer), undefined);
    });

    it('keeps a registration that is newer than the one that is gone', async () => {
      await vault.putClient({ ...held.client, clientId: 'client-2' });
      issuer.refuseNext('invalid_client');
      await fails(refresher.refresh(key, 'call'), 'grant_refused');
      assert.equal((await vault.client(issuer.issuer))?.clientId, 'client-2');
    });

    it('quotes in the log what the issuer says', async () => {
      issuer.refuseNext('invalid_grant', 'two\nlines "quoted"');
      await fails(refresher.refresh(key, 'call'), 'grant_refused');
      assert.ok(log.at('warn').some((line) => line.includes('"two\\nlines \\"quoted\\""')));
    });

    it('still says so when the keyring does not take it', async () => {
      secrets.failNext('store');
      issuer.refuseNext();
      await fails(refresher.refresh(key, 'call'), 'grant_refused');
      assert.equal(holdings.get(key)?.credential.tokens.kind, 'refused');
    });

    it('does not stay refreshing when the keyring cannot be read', async () => {
      const request = issuer.hold();
      issuer.refuseNext();
      const work = fails(refresher.refresh(key, 'call'), 'issuer_unreachable');
      await request.arrived;
      secrets.failNext('get', 2);
      request.answer();
      await work;
      assert.equal(activity()?.kind, 'retrying');
    });
  });

  it('does not ask without a refresh token, and lets the access token live to its end', async () => {
    const { refreshToken: _, ...tokens } = held.tokens;
    await vault.put({ ...held, tokens });
    holdings.take({ ...held, tokens });
    await fails(refresher.refresh(key, 'call'), 'grant_refused');
    assert.equal(issuer.tokenRequests.length, 0);
    assert.deepEqual(activity(), { kind: 'idle' });
  });

  it('says that a sign-in is required when nothing is held', async () => {
    holdings.remove(key);
    await fails(refresher.refresh(key, 'call'), 'sign_in_required');
    assert.equal(issuer.tokenRequests.length, 0);
  });

  describe('before the refresh token is spent', () => {
    it('finds out whether anything can be stored, and otherwise keeps it and what it has', async () => {
      failSaves(1);
      await fails(refresher.refresh(key, 'call'), 'vault_write_failed');
      assert.equal(issuer.tokenRequests.length, 0);
      const found = activity();
      assert.ok(found?.kind === 'retrying' && found.code === 'vault_write_failed');
      assert.equal(holdings.get(key)?.credential, held);
      assert.deepEqual(tokensOf(await refresher.refresh(key, 'call')), {
        access: 'access-2',
        refresh: 'refresh-2',
      });
    });

    it('is content with a keyring that takes something where the journal does not', async () => {
      journal.failNext('write', 2);
      const work = refresher.refresh(key, 'call');
      await clock.armed(1_000);
      clock.advance(1_000);
      assert.deepEqual(tokensOf(await work), { access: 'access-2', refresh: 'refresh-2' });
      assert.deepEqual(
        [...secrets.values.keys()].filter((name) => name === 'probe'),
        [],
      );
    });

    it('leaves a note that is gone as soon as the answer is saved', async () => {
      const notes = () => [...journal.texts.keys()].filter((name) => name.endsWith('-attempt'));
      const request = issuer.hold();
      const work = refresher.refresh(key, 'call');
      await request.arrived;
      assert.equal(notes().length, 1);
      request.answer();
      await work;
      assert.deepEqual(notes(), []);
    });

    it('knows from the note of a window that died why the issuer refuses', async () => {
      await vault.attempts.begin(keyOf(held), 1);
      issuer.rotateElsewhere();
      await fails(refresher.refresh(key, 'call'), 'grant_refused');
      assert.equal(reasonOf(await stored()), 'window-lost');
    });

    it('knows from the note of an earlier attempt that its answer got lost on the way', async () => {
      issuer.failNext('lostAnswer');
      await fails(refresher.refresh(key, 'call'), 'issuer_unreachable');
      await fails(refresher.refresh(key, 'call'), 'grant_refused');
      assert.equal(reasonOf(await stored()), 'answer-lost');
    });

    it('says that the newest tokens are gone when the journal has lost them, and older ones are refused', async () => {
      const behind = new Map(secrets.values);
      await refresher.refresh(key, 'call');
      for (const [name, value] of behind) secrets.values.set(name, value);
      for (const [name, text] of journal.texts)
        journal.texts.set(name, text.replace(/"data":"[^"]{40}/, `"data":"${'x'.repeat(40)}`));
      const anew = new Holdings((error) => assert.ifError(error));
      anew.take(held);
      await fails(refresherOf(anew).refresh(key, 'call'), 'grant_refused');
      assert.equal(reasonOf(anew.get(key)?.credential), 'secret-missing');
    });

    describe('for a grant that only its issuer has', () => {
      const grant = { kind: 'google' } as const;
      const loginDigest = 'the-same-login';
      const asked: (string | undefined)[] = [];
      const askedFor: (readonly string[])[] = [];
      const refusals: IssuerRefusal[] = [];
      let answer: IssuerAnswer;
      let atRequest: () => void;

      function refresherWith(mine: Holdings, driver: IssuerDriver = scripted()): Refresher {
        const issuers = new Issuers(
          fetch,
          clock,
          closes.signal,
          () => [],
          () => false,
          [driver],
        );
        const grants = new Grants({ fetch, clock, issuers, readTokenFile, vault });
        return refresherOf(mine, { issuers, grants });
      }

      function scripted(): IssuerDriver {
        return {
          quirk: { issuer: issuer.issuer, reason: 'for this test' },
          grantKinds: ['google'],
          usualScopes: ['everything'],
          missingScopes: () => [],
          scopeText: () => undefined,
          refusalReason: (refusal) => {
            refusals.push(refusal);
            return undefined;
          },
          request: (_grant, { refreshToken, scopes }) => {
            asked.push(refreshToken?.reveal());
            askedFor.push(scopes);
            atRequest();
            return Promise.resolve(answer);
          },
        };
      }

      beforeEach(async () => {
        asked.length = askedFor.length = refusals.length = 0;
        atRequest = () => undefined;
        held = { ...held, generation: 2, grant, tokens: { ...held.tokens, loginDigest } };
        await vault.put(held);
        holdings.take(held);
        answer = {
          kind: 'granted',
          token: { accessToken: new Secret('access-2'), refreshToken: new Secret('refresh-2'), loginDigest },
        };
      });

      it('does not spend what it has been given for the next time when the storage takes nothing', async () => {
        failSaves(1);
        await fails(refresherWith(holdings).refresh(key, 'call'), 'vault_write_failed');
        assert.deepEqual(asked, []);
        await refresherWith(holdings).refresh(key, 'call');
        assert.deepEqual(asked, ['refresh-1']);
        assert.deepEqual(tokensOf(await stored()), { access: 'access-2', refresh: 'refresh-2' });
      });

      it('asks for what is usual where nothing says what the stored tokens allow, and stores that it did', async () => {
        held = { ...held, generation: 3, scopes: [] };
        await vault.put(held);
        holdings.take(held);
        const next = await refresherWith(holdings).refresh(key, 'call');
        assert.deepEqual(askedFor, [['everything']]);
        assert.deepEqual([next.scopes, (await stored())?.scopes], [['everything'], ['everything']]);
      });

      it('asks for no scopes where the token is for an audience', async () => {
        held = { ...held, generation: 3, scopes: [], grant: { ...grant, audience: held.resource } };
        await vault.put(held);
        holdings.take(held);
        const next = await refresherWith(holdings).refresh(key, 'call');
        assert.deepEqual([askedFor, next.scopes], [[[]], []]);
      });

      describe('and has exchanged the login in the file, although no token came of it', () => {
        const bob = { issuer: '', subject: 'bob', label: 'bob@example.com' };
        const exchanged = { refreshToken: new Secret('refresh-2'), loginDigest };
        const granted = (account = held.account): IssuerAnswer => ({
          kind: 'granted',
          token: {
            accessToken: new Secret('access-3'),
            refreshToken: new Secret('refresh-3'),
            loginDigest,
            account,
          },
        });
        const failures: readonly (readonly [string, () => IssuerAnswer, ErrorCode])[] = [
          [
            'unavailable',
            () => ({
              kind: 'unavailable',
              error: new BrokerError('issuer_unreachable', 'Status 503.', { details: { status: 503 } }),
              exchanged,
            }),
            'issuer_unreachable',
          ],
          [
            'refused',
            () => ({
              kind: 'refused',
              reason: 'access-removed',
              error: 'permission_denied',
              description: '',
              exchanged,
            }),
            'token_refused',
          ],
        ];
        for (const [name, failure, code] of failures) {
          it(`asks with the new one the next time: ${name}`, async () => {
            answer = failure();
            await fails(refresherWith(holdings).refresh(key, 'call'), code);
            assert.deepEqual(tokensOf(await stored()), { access: 'access-1', refresh: 'refresh-2' });
            answer = granted();
            await refresherWith(holdings).refresh(key, 'call');
            assert.deepEqual(asked, ['refresh-1', 'refresh-2']);
            assert.deepEqual(tokensOf(await stored()), { access: 'access-3', refresh: 'refresh-3' });
          });

          it(`asks with the new one after a restart, too: ${name}`, async () => {
            answer = failure();
            await fails(refresherWith(holdings).refresh(key, 'call'), code);
            const anew = new Holdings((error) => assert.ifError(error));
            anew.take((await openVault().get(keyOf(held))) ?? held);
            await fails(refresherWith(anew).refresh(key, 'call'), code);
            assert.deepEqual(asked, ['refresh-1', 'refresh-2']);
          });

          it(`asks with the new one when nothing takes it but this window’s memory: ${name}`, async () => {
            answer = failure();
            atRequest = () => failSaves(4);
            const refresh = fails(refresherWith(holdings).refresh(key, 'call'), code);
            for (const delayMs of [200, 1_000, 3_000]) {
              await clock.armed(delayMs);
              clock.advance(delayMs);
            }
            await refresh;
            assert.deepEqual(tokensOf(await stored()), tokensOf(held));
            assert.ok(shared.held.includes(key), 'No other window spends what is stored.');
            atRequest = () => undefined;
            answer = granted();
            await refresherWith(holdings).refresh(key, 'call');
            assert.deepEqual(asked, ['refresh-1', 'refresh-2']);
          });
        }

        it('asks with the new one of Google’s own library, from window to window', async () => {
          const desk = await TokenDesk.start();
          try {
            desk.rotates = true;
            const robot = 'robot@project.iam.gserviceaccount.com';
            const path = join(scratchFolder(), 'credentials.json');
            const login = { client_id: 'id', client_secret: 'shh', refresh_token: '1//first' };
            writeFileSync(path, JSON.stringify({ type: 'authorized_user', ...login }));
            const { refreshToken: _, loginDigest: __, ...tokens } = held.tokens;
            const mine: LiveCredential = {
              ...held,
              account: { issuer: issuer.issuer, subject: robot, label: robot },
              grant: { kind: 'google', credentialsFile: path, impersonate: robot },
              tokens,
            };
            await vault.put(mine);
            const endpoints = { ...desk.endpoints, issuer: issuer.issuer };
            const place = { environment: {}, homeFolder: '/nowhere', isWindows: false };
            /** A window that has just been opened renews. */
            const renew = async () => {
              const anew = new Holdings((error) => assert.ifError(error));
              anew.take((await openVault().get(keyOf(mine))) ?? mine);
              const driver = googleDriver({ endpoints, ...place, readTextFile });
              return refresherWith(anew, driver).refresh(keyText(keyOf(mine)), 'call');
            };
            desk.failSecond({ status: 503 });
            await fails(renew(), 'issuer_unreachable');
            const { accessToken } = (await renew()).tokens;
            await renew();
            assert.equal(accessToken.reveal(), 'ya29.impersonated');
            const sent = desk.requests.map(({ body }) => body['refresh_token']).filter(Boolean);
            assert.deepEqual(sent, ['1//first', '1//after-1', '1//after-3']);
          } finally {
            await desk.close();
          }
        });

        it('ends no grant because somebody else has logged in, whose login would be lost', async () => {
          answer = granted(bob);
          await fails(refresherWith(holdings).refresh(key, 'call'), 'wrong_account');
          assert.deepEqual(tokensOf(await stored()), { access: 'access-1', refresh: 'refresh-3' });
        });

        it('asks whose login it is before anything of it is lent', async () => {
          const theirs = { refreshToken: new Secret('refresh-of-bob'), loginDigest: 'another-login' };
          const error = new BrokerError('issuer_unreachable', 'Nobody said who it is.');
          answer = { kind: 'unavailable', error, exchanged: theirs };
          await fails(refresherWith(holdings).refresh(key, 'call'), 'issuer_unreachable');
          answer = { kind: 'granted', token: { accessToken: new Secret('access-of-bob'), ...theirs } };
          await assert.rejects(refresherWith(holdings).refresh(key, 'call'));
          const kept = await stored();
          assert.deepEqual(tokensOf(kept), { access: 'access-1', refresh: 'refresh-of-bob' });
        });
      });

      it('tells the age of a grant only where it is known, which is not so of what another program has left', async () => {
        answer = { kind: 'refused', reason: 'refused', error: 'invalid_grant', description: '' };
        for (const issuedAtMs of [0, 1]) {
          held = { ...held, generation: held.generation + 2, tokens: { ...held.tokens, issuedAtMs } };
          await vault.put(held);
          holdings.take(held);
          await fails(refresherWith(holdings).refresh(key, 'call'), 'grant_refused');
        }
        const ages = refusals.map(({ renewedAtMs }) => renewedAtMs);
        assert.deepEqual([...new Set(ages)], [undefined, 1]);
      });

      it('knows from the note of a window that died why the issuer refuses', async () => {
        await vault.attempts.begin(keyOf(held), 2);
        answer = { kind: 'refused', reason: 'refused', error: 'invalid_grant', description: '' };
        await fails(refresherWith(holdings).refresh(key, 'call'), 'grant_refused');
        assert.equal(reasonOf(await stored()), 'window-lost');
      });
    });

    it('leaves no note about a token that was not spent, since nobody could say whether the lease is held', async () => {
      window.failLooks(1);
      await fails(refresher.refresh(key, 'call'), 'issuer_unreachable');
      assert.equal(issuer.tokenRequests.length, 0);
      issuer.rotateElsewhere();
      await fails(refresher.refresh(key, 'call'), 'grant_refused');
      assert.equal(reasonOf(await stored()), 'refused');
    });

    it('leaves no note about a token that was not spent, since the storage takes nothing', async () => {
      const attempts = new Attempts({ secrets, journal, log, canSeal: () => false });
      secrets.failNext('store', 1);
      await fails(attempts.begin(keyOf(held), 1), 'vault_write_failed');
      assert.deepEqual(
        [...journal.texts.keys()].filter((name) => name.endsWith('-attempt')),
        [],
      );
    });

    it('does not blame an earlier attempt that was answered, however unwillingly', async () => {
      issuer.failNext({ status: 503 });
      await fails(refresher.refresh(key, 'call'), 'issuer_unreachable');
      issuer.refuseNext('invalid_grant', 'The grant was revoked.');
      await fails(refresher.refresh(key, 'call'), 'grant_refused');
      assert.equal(reasonOf(await stored()), 'revoked');
    });
  });

  describe('when saving fails', () => {
    /** A renewal, whose saving fails as soon as the request has left. */
    async function renewAndFail(times: number): Promise<{ readonly work: Promise<LiveCredential> }> {
      const request = issuer.hold();
      const work = refresher.refresh(key, 'call');
      await request.arrived;
      failSaves(times);
      request.answer();
      return { work };
    }

    it('tries again, and gives out nothing before it has', async () => {
      const { work } = await renewAndFail(2);
      await clock.armed(200);
      clock.advance(200);
      await clock.armed(1_000);
      assert.deepEqual(tokensOf(holdings.get(key)?.credential), tokensOf(held));
      clock.advance(1_000);
      assert.deepEqual(tokensOf(await work), { access: 'access-2', refresh: 'refresh-2' });
      assert.deepEqual(tokensOf(await stored()), { access: 'access-2', refresh: 'refresh-2' });
    });

    it('saves the new tokens also when nobody can say whether the lease is held by then', async () => {
      const request = issuer.hold();
      const work = refresher.refresh(key, 'call');
      await request.arrived;
      window.failLooks(1);
      request.answer();
      await work;
      for (const one of [await stored(), holdings.get(key)?.credential])
        assert.deepEqual(tokensOf(one), { access: 'access-2', refresh: 'refresh-2' });
    });

    it('keeps the new tokens in memory at last: the old refresh token is spent', async () => {
      const { work } = await renewAndFail(4);
      for (const delayMs of [200, 1_000, 3_000]) {
        await clock.armed(delayMs);
        clock.advance(delayMs);
      }
      await work;
      assert.deepEqual(tokensOf(holdings.get(key)?.credential), { access: 'access-2', refresh: 'refresh-2' });
      assert.deepEqual(tokensOf(await stored()), tokensOf(held));
      assert.equal(log.at('error').length, 5);
      assert.doesNotMatch(log.text, /access-|refresh-/);
      // And goes on from there, not from what is stored.
      assert.deepEqual(tokensOf(await refresher.refresh(key, 'call')), {
        access: 'access-3',
        refresh: 'refresh-3',
      });
      assert.deepEqual(tokensOf(await stored()), { access: 'access-3', refresh: 'refresh-3' });
    });
  });

  describe('beside another window', () => {
    async function renewedElsewhere(
      changed: Partial<LiveCredential['tokens']> = {},
      generation = 2,
    ): Promise<LiveCredential> {
      const { access, refresh } = issuer.rotateElsewhere();
      const tokens = {
        ...held.tokens,
        accessToken: new Secret(access),
        refreshToken: new Secret(refresh),
        ...changed,
      };
      const next: LiveCredential = { ...held, generation, tokens };
      await vault.put(next);
      return next;
    }

    it('takes what the other one has stored instead of asking', async () => {
      const next = await renewedElsewhere();
      assert.deepEqual(tokensOf(await refresher.refresh(key, 'call')), tokensOf(next));
      assert.deepEqual(tokensOf(holdings.get(key)?.credential), tokensOf(next));
      assert.equal(issuer.tokenRequests.length, 0);
      assert.deepEqual(activity(), { kind: 'idle' });
    });

    it('takes another record of the same generation: it is the one that is durable', async () => {
      const next = await renewedElsewhere({}, 1);
      assert.deepEqual(tokensOf(await refresher.refresh(key, 'call')), tokensOf(next));
      assert.equal(issuer.tokenRequests.length, 0);
    });

    it('is not signed out by invalid_grant when there is another record of the same generation', async () => {
      const request = issuer.hold();
      const work = refresher.refresh(key, 'call');
      await request.arrived;
      const next = await renewedElsewhere({}, 1);
      request.answer();
      assert.deepEqual(tokensOf(await work), tokensOf(next));
      assert.deepEqual(tokensOf(await stored()), tokensOf(next));
    });

    it('goes on from what the other one has stored when that is due as well', async () => {
      await renewedElsewhere();
      clock.advance(3_600_000);
      await refresher.refresh(key, 'call');
      assert.deepEqual(
        issuer.tokenRequests.map((form) => form['refresh_token']),
        ['refresh-2'],
      );
      assert.equal(holdings.get(key)?.credential.generation, 3);
    });

    it('takes over that the other one was refused', async () => {
      await vault.put({
        ...held,
        generation: 2,
        tokens: { kind: 'refused', reason: 'revoked', refusedAtMs: 1 },
      });
      await fails(refresher.refresh(key, 'call'), 'grant_refused');
      assert.equal(issuer.tokenRequests.length, 0);
    });

    it('is not misled by an older record in the keyring', async () => {
      holdings.take({ ...held, generation: 5 });
      await refresher.refresh(key, 'call');
      assert.equal((await stored())?.generation, 6);
    });

    it('spends nothing once the other one, which had been given up, has gone on and saved what it got', async () => {
      let next: LiveCredential | undefined;
      const slow: typeof fetch = async (...asked) => {
        next ??= await renewedElsewhere();
        return fetch(...asked);
      };
      const issuers = new Issuers(
        slow,
        clock,
        closes.signal,
        () => [],
        () => false,
      );
      const work = refresherOf(holdings, { issuers }).refresh(key, 'call');
      assert.deepEqual(tokensOf(await work), tokensOf(next));
      assert.equal(issuer.tokenRequests.length, 0);
      assert.deepEqual(tokensOf(holdings.get(key)?.credential), tokensOf(next));
      assert.deepEqual(activity(), { kind: 'idle' });
    });

    describe('spends nothing that the other one has got a successor for', () => {
      const isCredential = (name: string) => name.startsWith('credential:');
      const notes = () => [...journal.texts.keys()].filter((name) => name.endsWith('-attempt'));

      /** Does `work` after the credential was read from the keyring for the `nth` time. */
      function afterReading(nth: number, work: () => unknown): void {
        const get = secrets.get.bind(secrets);
        let reads = 0;
        secrets.get = async (name) => {
          const text = await get(name);
          if (isCredential(name) && ++reads === nth) await work();
          return text;
        };
      }

      /** A refresher for which `work` is done when everything is ready and only the last look is left. */
      function beforeTheLastLook(work: () => unknown): Refresher {
        const looking = new KeptLeases({
          hold: (name, inner, patienceMs) =>
            window.hold(
              name,
              (lease) => {
                let isFirst = true;
                return inner({
                  isHeld: async () => {
                    if (isFirst) await work();
                    isFirst = false;
                    return lease.isHeld();
                  },
                });
              },
              patienceMs,
            ),
        });
        return refresherOf(holdings, { leases: looking });
      }

      const isTaken = async (mine: Refresher, next: () => LiveCredential | undefined) => {
        const work = await mine.refresh(key, 'call');
        assert.deepEqual(tokensOf(work), tokensOf(next()));
        assert.deepEqual(tokensOf(holdings.get(key)?.credential), tokensOf(next()));
        assert.equal(issuer.tokenRequests.length, 0);
        assert.deepEqual(activity(), { kind: 'idle' });
      };

      for (const nth of [1, 2])
        it(`after this one has read the keyring for time ${nth}`, async () => {
          let next: LiveCredential | undefined;
          afterReading(nth, async () => (next = await renewedElsewhere()));
          await isTaken(refresher, () => next);
        });

      it('while this one looked who its client is', async () => {
        held = { ...held, generation: 2, client: { ...held.client, source: 'entered' } };
        await vault.put(held);
        holdings.take(held);
        let next: LiveCredential | undefined;
        const get = secrets.get.bind(secrets);
        secrets.get = async (name) => {
          if (name.startsWith('client:')) next ??= await renewedElsewhere({}, 3);
          return get(name);
        };
        await isTaken(refresher, () => next);
      });

      it('though the keyring cannot be read at the last look, since the journal can', async () => {
        let next: LiveCredential | undefined;
        const mine = beforeTheLastLook(async () => {
          next = await renewedElsewhere();
          secrets.failNext('get');
        });
        await isTaken(mine, () => next);
      });

      it('or may have, where nothing can be read at the last look, and leaves no note about that', async () => {
        const mine = beforeTheLastLook(async () => {
          await renewedElsewhere();
          journal.failNext('read');
          secrets.failNext('get');
        });
        await fails(mine.refresh(key, 'call'), 'vault_write_failed');
        assert.equal(issuer.tokenRequests.length, 0);
        assert.deepEqual(notes(), []);
        assert.deepEqual(tokensOf(holdings.get(key)?.credential), tokensOf(held));
      });

      it('or may have in the keyring, where that is all there is and it cannot be read', async () => {
        journal.texts.clear();
        const mine = beforeTheLastLook(() => {
          secrets.failNext('get');
        });
        await fails(mine.refresh(key, 'call'), 'vault_write_failed');
        assert.equal(issuer.tokenRequests.length, 0);
        assert.deepEqual(notes(), []);
        await refresher.refresh(key, 'call');
        assert.equal(issuer.tokenRequests.length, 1);
      });

      it('and says so when another one has taken the lease over', async () => {
        const lost = new KeptLeases({
          hold: (name, inner) => window.hold(name, () => inner({ isHeld: () => Promise.resolve(false) })),
        });
        await fails(refresherOf(holdings, { leases: lost }).refresh(key, 'call'), 'renewing_elsewhere');
        assert.equal(issuer.tokenRequests.length, 0);
        const found = activity();
        assert.equal(found?.kind === 'retrying' && found.code, 'renewing_elsewhere');
      });

      for (const [nth, requests] of [
        [1, 1],
        [2, 0],
        [3, 1],
      ] as const)
        it(`but takes no keyring that fails at reading ${nth} for another window`, async () => {
          const get = secrets.get.bind(secrets);
          let reads = 0;
          secrets.get = async (name) => {
            if (isCredential(name) && ++reads === nth) throw new Error('The keyring is locked.');
            return get(name);
          };
          const outcome = await refresher.refresh(key, 'call').catch((error: unknown) => error);
          assert.ok(!hasCode(outcome, 'renewing_elsewhere', 'renewed_elsewhere'));
          assert.equal(issuer.tokenRequests.length, requests);
          assert.deepEqual(notes(), []);
        });
    });

    it('is not signed out by invalid_grant when the other one has rotated meanwhile', async () => {
      const request = issuer.hold();
      const work = refresher.refresh(key, 'call');
      await request.arrived;
      const next = await renewedElsewhere();
      request.answer();
      assert.deepEqual(tokensOf(await work), tokensOf(next));
      assert.equal(issuer.tokenRequests.length, 1);
      assert.deepEqual(tokensOf(await stored()), tokensOf(next));
      assert.deepEqual(activity(), { kind: 'idle' });
    });

    it('makes one request for two windows that come one after the other', async () => {
      const others = new Holdings((error) => assert.ifError(error));
      others.take(held);
      await refresher.refresh(key, 'call');
      const theirs = await refresherOf(others).refresh(key, 'call');
      assert.deepEqual(tokensOf(theirs), { access: 'access-2', refresh: 'refresh-2' });
      assert.equal(issuer.tokenRequests.length, 1);
    });
  });

  describe('when the user signs out meanwhile', () => {
    async function signOut(): Promise<void> {
      holdings.remove(key);
      await vault.remove(held);
    }

    it('keeps nothing of the answer, and leaves it to the sign-out', async () => {
      const request = issuer.hold();
      const work = fails(refresher.refresh(key, 'call'), 'sign_in_required');
      await request.arrived;
      await departures.during(key, async (left) => {
        await signOut();
        request.answer();
        await work;
        assert.deepEqual(tokensOf(left()), { access: 'access-2', refresh: 'refresh-2' });
      });
      assert.deepEqual([await stored(), holdings.get(key)], [undefined, undefined]);
      assert.deepEqual(issuer.revoked, []);
    });

    it('removes what was just being saved, and leaves it to the sign-out', async () => {
      const { release, begun } = holdSaves();
      const work = fails(refresher.refresh(key, 'call'), 'sign_in_required');
      await begun();
      await departures.during(key, async (left) => {
        await signOut();
        release();
        await work;
        assert.deepEqual(tokensOf(left()), { access: 'access-2', refresh: 'refresh-2' });
      });
      assert.deepEqual([await stored(), vault.list(), holdings.get(key)], [undefined, [], undefined]);
      assert.deepEqual(issuer.revoked, []);
    });

    it('revokes nothing when another window has, which has not said how far that goes', async () => {
      const request = issuer.hold();
      const work = fails(refresher.refresh(key, 'call'), 'sign_in_required');
      await request.arrived;
      await signOut();
      request.answer();
      await work;
      assert.deepEqual([await stored(), holdings.get(key)], [undefined, undefined]);
      assert.deepEqual(issuer.revoked, []);
    });

    it('does not ask for what is signed out before the request has left', async () => {
      const release = secrets.hold('get');
      const work = fails(refresher.refresh(key, 'call'), 'sign_in_required');
      const leaving = signOut();
      release();
      await Promise.all([work, leaving]);
      assert.equal(issuer.tokenRequests.length, 0);
    });

    it('does not bring it back from what another window has stored', async () => {
      await vault.put({ ...held, generation: 2 });
      const release = secrets.hold('get');
      const work = fails(refresher.refresh(key, 'call'), 'sign_in_required');
      holdings.remove(key);
      release();
      await work;
      assert.equal(holdings.get(key), undefined);
    });

    it('removes also that the grant is dead, when that was just being saved', async () => {
      const { release, begun } = holdSaves();
      issuer.refuseNext();
      const work = fails(refresher.refresh(key, 'call'), 'sign_in_required');
      await begun();
      await signOut();
      release();
      await work;
      assert.deepEqual([await stored(), vault.list(), holdings.get(key)], [undefined, [], undefined]);
      assert.equal(audit.events.at(-1)?.outcome, 'refused', 'The user can read why.');
    });

    for (const fault of [{ status: 400, body: { error: 'invalid_grant' } }, 'reset'] as const) {
      it(`says so also when the request ${fault === 'reset' ? 'got no answer' : 'was refused'}`, async () => {
        issuer.failNext(fault);
        const request = issuer.hold();
        const work = assert.rejects(refresher.refresh(key, 'call'));
        await request.arrived;
        await signOut();
        request.answer();
        await work;
        assert.deepEqual([await stored(), holdings.get(key)], [undefined, undefined]);
      });
    }
  });

  describe('when the user signs in meanwhile', () => {
    function granted(generation: number): LiveCredential {
      const tokens = {
        ...held.tokens,
        accessToken: new Secret('fresh-access'),
        refreshToken: new Secret('fresh-refresh'),
      };
      return { ...held, generation, tokens };
    }

    /** As the broker does it: saved, then held. */
    async function signIn(generation: number): Promise<LiveCredential> {
      const fresh = granted(generation);
      await vault.put(fresh);
      holdings.take(fresh);
      return fresh;
    }

    for (const [what, fault] of [
      ['granted', undefined],
      ['refused', { status: 400, body: { error: 'invalid_grant' } }],
      ['without an answer', 'reset'],
    ] as const) {
      it(`uses the tokens of the sign-in, though the renewal was ${what}`, async () => {
        if (fault !== undefined) issuer.failNext(fault);
        const request = issuer.hold();
        const work = refresher.refresh(key, 'call');
        await request.arrived;
        const fresh = await signIn(2);
        const before = secrets.asked.filter(([what]) => what === 'store').length;
        request.answer();
        assert.equal(await work, fresh);
        assert.equal(secrets.asked.filter(([what]) => what === 'store').length, before, 'Nothing to save.');
        assert.equal(holdings.get(key)?.credential, fresh);
        assert.deepEqual(tokensOf(await stored()), tokensOf(fresh));
        assert.deepEqual(activity(), { kind: 'idle' });
      });
    }

    it('does not ask when that is before the request has left', async () => {
      const release = secrets.hold('get');
      const work = refresher.refresh(key, 'call');
      const fresh = granted(2);
      holdings.take(fresh);
      release();
      assert.equal(await work, fresh);
      assert.equal(issuer.tokenRequests.length, 0);
    });

    it('leaves the sign-in in the keyring, though the renewal reached it later', async () => {
      const { release: releaseRenewal, begun } = holdSaves();
      const work = refresher.refresh(key, 'call');
      await begun();
      secrets.hold('store')(); // What is asked for from now on is not held up.
      const fresh = await signIn(3);
      releaseRenewal();
      assert.equal(await work, fresh);
      assert.deepEqual(tokensOf(await stored()), tokensOf(fresh));
    });

    it('also after signing out', async () => {
      holdings.take({ ...held, generation: 7 });
      const request = issuer.hold();
      const work = refresher.refresh(key, 'call');
      await request.arrived;
      holdings.remove(key);
      await vault.remove({ ...held, generation: 7 });
      const fresh = await signIn((await vault.generations.newest(keyOf(held))) + 1);
      request.answer();
      assert.equal(await work, fresh);
      assert.equal(holdings.get(key)?.credential, fresh);
      assert.deepEqual(tokensOf(await stored()), tokensOf(fresh));
    });

    for (const [what, isRefused] of [
      ['what the renewal brought', false],
      ['that the grant is dead', true],
    ] as const) {
      it(`also while ${what} is being saved`, async () => {
        if (isRefused) issuer.refuseNext();
        const { release, begun } = holdSaves();
        // It is done before the sign-in is, or after.
        const work = refresher.refresh(key, 'call').catch(() => undefined);
        await begun();
        const signingIn = signIn(3);
        release();
        const fresh = await signingIn;
        await work;
        assert.deepEqual(tokensOf(holdings.get(key)?.credential), tokensOf(fresh));
        assert.deepEqual(tokensOf(await stored()), tokensOf(fresh));
      });
    }
  });

  it('is waited for at the end of the window', async () => {
    const request = issuer.hold();
    const work = refresher.refresh(key, 'call');
    await request.arrived;
    assert.ok(refresher.isRenewing(key));
    let isSettled = false;
    const settling = refresher.settled().then(() => (isSettled = true));
    await Promise.resolve();
    assert.equal(isSettled, false);
    request.answer();
    await Promise.all([work, settling]);
    assert.ok(!refresher.isRenewing(key));
  });

  it('spends nothing when its turn comes after the end of the window', async () => {
    let giveBack = (): void => undefined;
    const elsewhere = leases.hold(key, () => new Promise<void>((resolve) => (giveBack = resolve)));
    const work = fails(refresher.refresh(key, 'background'), 'issuer_unreachable');
    await new Promise((resolve) => setImmediate(resolve));
    closes.abort();
    giveBack();
    await Promise.all([elsewhere, work]);
    assert.equal(issuer.tokenRequests.length, 0);
  });

  it('gives the scheduler nothing to spin on while the keyring takes its time', async () => {
    const leads = new Leads(defaultRules.refreshLeadMs, random);
    const scheduler = new Scheduler({
      counters,
      clock,
      log,
      holdings,
      leads,
      refresher,
      network,
      chores: [],
    });
    holdings.take({ ...held, generation: 2 });
    const release = secrets.hold('get');
    clock.advance(49 * 60_000);
    assert.ok(refresher.isRenewing(key));
    assert.ok(
      clock.pending.every((delayMs) => delayMs > 0),
      `Timers: ${clock.pending.join(', ')}`,
    );
    release();
    await refresher.settled();
    scheduler.dispose();
  });

  describe('counts and records', () => {
    const counted = () =>
      counters.entries().filter(([name, value]) => value > 0 && name.startsWith('refreshes.'));

    it('what brought new tokens', async () => {
      const { tokens } = await refresher.refresh(key, 'call');
      assert.deepEqual(counted(), [['refreshes.renewed', 1]]);
      const { account, resource, scopes } = held;
      assert.deepEqual(audit.events, [
        {
          kind: 'refresh',
          outcome: 'renewed',
          account,
          resource,
          generation: 2,
          scopes,
          token: tokens.accessToken,
        },
      ]);
    });

    it('what was refused, and what got no answer', async () => {
      issuer.failNext({ status: 503 });
      issuer.refuseNext();
      await assert.rejects(refresher.refresh(key, 'call'));
      await assert.rejects(refresher.refresh(key, 'call'));
      assert.deepEqual(counted(), [
        ['refreshes.refused', 1],
        ['refreshes.unavailable', 1],
      ]);
      assert.deepEqual(
        audit.events.map(({ outcome, generation, code }) => [outcome, generation, code]),
        [
          ['unavailable', 1, 'issuer_unreachable'],
          ['refused', 2, undefined],
        ],
      );
    });

    it('what another window had done already', async () => {
      const { access, refresh } = issuer.rotateElsewhere();
      const tokens = { ...held.tokens, accessToken: new Secret(access), refreshToken: new Secret(refresh) };
      await vault.put({ ...held, generation: 2, tokens });
      await refresher.refresh(key, 'call');
      assert.deepEqual(counted(), [['refreshes.overtaken', 1]]);
      assert.deepEqual(audit.events, []);
    });
  });

  describe('is stopped by a brake', () => {
    async function renewTwentyTimes(): Promise<void> {
      for (let n = 0; n < 20; n++) await refresher.refresh(key, 'call');
    }

    it('after twenty renewals in a minute, keeps the token, and says when it goes on', async () => {
      await renewTwentyTimes();
      clock.advance(40_000);
      const before = holdings.get(key)?.credential;
      const error = await refresher.refresh(key, 'call').catch((reason: unknown) => reason);
      assert.ok(hasCode(error, 'too_many_attempts'));
      assert.equal(error.details['nextAttemptAtMs'], clock.nowMs() + 20_000);
      assert.equal(holdings.get(key)?.credential, before);
      const found = activity();
      assert.ok(found?.kind === 'retrying' && found.code === 'too_many_attempts');
      assert.deepEqual([found.failures, found.nextAttemptAtMs], [0, clock.nowMs() + 20_000]);
      assert.equal(issuer.tokenRequests.length, 20);
      assert.deepEqual([counters.get('refreshes.braked'), audit.events.at(-1)?.outcome], [1, 'braked']);
    });

    it('that opens again by itself', async () => {
      await renewTwentyTimes();
      await fails(refresher.refresh(key, 'call'), 'too_many_attempts');
      clock.advance(60_000);
      await refresher.refresh(key, 'background');
      assert.deepEqual(activity(), { kind: 'idle' });
    });

    it('that does not keep it from taking what another window has renewed', async () => {
      await renewTwentyTimes();
      const { access, refresh } = issuer.rotateElsewhere();
      const tokens = { ...held.tokens, accessToken: new Secret(access), refreshToken: new Secret(refresh) };
      await vault.put({ ...held, generation: 22, tokens });
      assert.deepEqual(tokensOf(await refresher.refresh(key, 'call')), { access, refresh });
    });
  });

  describe('while the network is down', () => {
    const elsewhere = 'https://login.example.com';
    let mine: Refresher;

    /** A credential of an issuer that is not on this computer. */
    beforeEach(async () => {
      const account = { ...held.account, issuer: elsewhere };
      held = { ...held, account, client: { ...held.client, issuer: elsewhere } };
      key = keyText(keyOf(held));
      await vault.put(held);
      holdings.take(held);
      const metadata = { issuer: elsewhere, token_endpoint: `${issuer.issuer}/token` };
      const issuers = { metadata: () => Promise.resolve(metadata) } as unknown as Issuers;
      mine = refresherOf(holdings, { issuers });
      network.goDown();
    });

    it('says so at once, and spends no attempt', async () => {
      let changes = 0;
      holdings.onDidChange(() => (changes += 1));
      for (let n = 0; n < 30; n++) await fails(mine.refresh(key, 'call'), 'network_down');
      assert.equal(changes, 1);
      const [sinceMs, code] = [clock.nowMs(), 'network_down'];
      assert.deepEqual(activity(), {
        kind: 'retrying',
        failures: 0,
        sinceMs,
        nextAttemptAtMs: sinceMs,
        code,
      });
      assert.equal(issuer.tokenRequests.length, 0);
      assert.equal(holdings.get(key)?.credential, held);
      network.comeBack();
      await mine.refresh(key, 'background');
      assert.deepEqual(activity(), { kind: 'idle' });
    });

    it('counts failures from one when it is back', async () => {
      clock.advance(48 * 3_600_000);
      await fails(mine.refresh(key, 'background'), 'network_down');
      clock.advance(48 * 3_600_000);
      network.comeBack();
      issuer.failNext({ status: 503 });
      await fails(mine.refresh(key, 'background'), 'issuer_unreachable');
      const found = activity();
      assert.deepEqual(found?.kind === 'retrying' && [found.failures, found.sinceMs], [1, clock.nowMs()]);
    });

    it('still says that the grant is dead when it is', async () => {
      holdings.take({
        ...held,
        generation: 2,
        tokens: { kind: 'refused', reason: 'revoked', refusedAtMs: 1 },
      });
      await fails(mine.refresh(key, 'call'), 'grant_refused');
    });

    it('goes on asking an issuer on this computer', async () => {
      const local = issuer.credential(clock.nowMs());
      holdings.take(local);
      assert.equal((await refresherOf(holdings).refresh(keyText(keyOf(local)), 'call')).generation, 2);
    });
  });

  it('gives its place at the issuer up when another window keeps the lease, and goes on later', async () => {
    let giveBack = (): void => undefined;
    const kept = shared.window().hold(key, () => new Promise<void>((resolve) => (giveBack = resolve)));
    const work = fails(refresher.refresh(key, 'background'), 'renewed_elsewhere');
    await clock.armed(20_000);
    assert.equal(counters.get('refreshes.running'), 1);
    clock.advance(20_000);
    await work;
    assert.equal(counters.get('refreshes.running'), 0);
    assert.equal(activity()?.kind, 'retrying');
    giveBack();
    await kept;
    await refresher.refresh(key, 'background');
    assert.equal(issuer.tokenRequests.length, 1);
  });

  describe('waits for its turn', () => {
    /** Fills the issuer's five places, and `waiting` more. */
    const occupy = (queue: RefreshQueue, waiting = 0) =>
      Array.from({ length: 5 + waiting }, (_, n) => queue.take(issuer.issuer, `other-${n}`, 'call'));

    it('shows as refreshing meanwhile, and is moved up by a call that joins it', async () => {
      const queue = new RefreshQueue(counters, log);
      const [first] = occupy(queue);
      const mine = refresherOf(holdings, { queue });
      const work = mine.refresh(key, 'background');
      const rival = queue.take(issuer.issuer, 'rival', 'call');
      assert.equal(activity()?.kind, 'refreshing');
      const joined = mine.refresh(key, 'call');
      first?.end();
      assert.equal(await joined, await work);
      rival.end();
    });

    it('says that the queue is full when it is, and changes nothing', async () => {
      const queue = new RefreshQueue(counters, log);
      occupy(queue, 100);
      for (const urgency of ['call', 'background'] as const)
        await fails(refresherOf(holdings, { queue }).refresh(key, urgency), 'refresh_queue_full');
      assert.deepEqual(activity(), { kind: 'idle' });
      assert.equal(counters.get('refreshes.rejected'), 2);
    });
  });

  it('shows as refreshing from the first moment, so that nobody begins another', async () => {
    const seen: Held['activity']['kind'][] = [];
    holdings.onDidChange(() => seen.push(activity()?.kind ?? 'idle'));
    await refresher.refresh(key, 'call');
    assert.deepEqual(seen, ['refreshing', 'idle']);
  });
});

import assert from 'node:assert/strict';
import type { Broker } from '../../src/broker/broker.js';
import { isAlive, keyText } from '../../src/core/credential.js';
import { hasCode } from '../../src/core/errors.js';
import { Bindings } from '../../src/vault/ledgers/bindings.js';
import { CredentialVault } from '../../src/vault/credentials.js';
import { keyOfEntry } from '../../src/vault/records/index-entry.js';
import { parseCredential } from '../../src/vault/records/record.js';
import { Sessions } from '../../src/vault/ledgers/sessions.js';
import { startAuthorizationServer, type TestAuthorizationServer } from '../support/authorization-server.js';
import { defaultRules } from '../support/default-rules.js';
import { FormBrowser } from '../support/form-browser.js';
import { startMcpServer, type TestMcpServer } from '../support/mcp-server.js';
import { notes, Profile, serverAt, until } from './window.js';

const at = (username: string) => new FormBrowser({ username, password: username, decision: 'allow' });

const soon = () => new Promise((resolve) => setImmediate(resolve));

/** Longer than the ledgers wait for more to write. */
const writtenAfterMs = 250;

describe('vault, sessions, bindings and memory', () => {
  let issuer: TestAuthorizationServer;
  let mcp: TestMcpServer;
  let profile: Profile;
  const browser = at('alice');
  let here: Broker;
  let there: Broker;

  before(async () => {
    issuer = await startAuthorizationServer({ accessTokenSeconds: 60 });
    mcp = await startMcpServer({ issuer: issuer.issuer, name: 'notes', answers: 'json' });
    profile = new Profile();
    here = profile.window(browser, 'file:///here').broker;
    there = profile.window(at('alice'), 'file:///there').broker;
    await Promise.all([here.setServers([serverAt(mcp.url)]), there.setServers([serverAt(mcp.url)])]);
  });
  after(async () => {
    await profile.close();
    await mcp.close();
    await issuer.close();
  });

  /** The newest generation of each window, so that a step that changed nothing is noticed. */
  const generations = new Map<Broker, number>();

  const stores = () => ({ ...profile.vaultParts(), closing: AbortSignal.abort() });

  /** What somebody finds who has nothing but what is stored. */
  async function stored(workspace: string, session: string) {
    profile.clock.advance(writtenAfterMs);
    await soon();
    const { clock, log, ledgers } = profile;
    const bindings = new Bindings({ clock, log, ledger: ledgers.bindings }, workspace);
    await bindings.loaded;
    const binding = bindings.get(notes);
    const sessions = new Sessions({ clock, log, ledger: ledgers.sessions }, defaultRules);
    const owner = await sessions.accountOf(notes, session);
    if (binding?.kind !== 'bound') return { binding, owner };
    const key = keyOfEntry(binding);
    const inJournal = await new CredentialVault(stores()).get(key);
    const text = profile.secrets.values.get(`credential:${keyText(key)}`);
    const inSecrets = text === undefined ? undefined : parseCredential(text);
    return { binding, owner, inJournal, inSecrets };
  }

  async function assertAgreed(broker: Broker, workspace: string, session: string, subject: string) {
    const lent = await broker.accessToken(notes, session);
    const { binding, owner, inJournal, inSecrets } = await stored(workspace, session);
    assert.equal(binding?.kind, 'bound');
    assert.ok(inJournal !== undefined && isAlive(inJournal) && inSecrets !== undefined && isAlive(inSecrets));
    const state = broker.state(notes);
    assert.equal(state.kind, 'ready');
    for (const account of [
      binding.account,
      owner,
      inJournal.account,
      inSecrets.account,
      lent.account,
      state.account,
    ])
      assert.deepEqual(account, { issuer: issuer.issuer, subject, label: `${subject}@example.com` });
    assert.ok(inJournal.tokens.accessToken.equals(lent.token), 'The vault has another token than memory.');
    assert.ok(
      inSecrets.tokens.accessToken.equals(lent.token),
      'SecretStorage has another token than memory.',
    );
    assert.equal(inSecrets.generation, inJournal.generation);
    assert.equal(state.expiresAtMs, inJournal.tokens.expiresAtMs);
    assert.equal(inSecrets.tokens.refreshToken?.reveal(), inJournal.tokens.refreshToken?.reveal());
    assert.deepEqual(lent.reach, { kind: 'resource', resource: binding.resource });
    const before = generations.get(broker) ?? 0;
    assert.ok(inJournal.generation > before, `Nothing has happened since generation ${before}.`);
    generations.set(broker, inJournal.generation);
  }

  /** Both windows, once the news has arrived in the one that did nothing. */
  async function assertBothAgreed() {
    while (JSON.stringify(here.state(notes)) !== JSON.stringify(there.state(notes))) await soon();
    await assertAgreed(here, 'file:///here', 's-here', 'alice');
    await assertAgreed(there, 'file:///there', 's-there', 'alice');
  }

  it('agree after a sign-in, also in another window', async () => {
    await here.signIn(notes, 'any');
    here.sessionOpened(notes, 's-here', await here.accessToken(notes));
    await until(there, () => there.state(notes).kind === 'ready');
    there.sessionOpened(notes, 's-there', await there.accessToken(notes));
    await assertBothAgreed();
  });

  for (const round of [1, 2, 3]) {
    it(`agree after renewal ${round}, which both windows wanted at the same time`, async () => {
      profile.clock.sleep(61_000);
      const lent = await Promise.all([here.accessToken(notes), there.accessToken(notes)]);
      assert.ok(lent[0].token.equals(lent[1].token));
      await assertBothAgreed();
    });
  }

  it('agree after a renewal ahead of time', async () => {
    const before = issuer.counts().refreshes;
    profile.clock.advance(50_000);
    await until(here, () => issuer.counts().refreshes > before && here.state(notes).kind === 'ready');
    await assertBothAgreed();
  });

  it('agree after a renewal that a server’s refusal forced', async () => {
    await here.newerToken(notes, 's-here', await here.accessToken(notes, 's-here'));
    await assertBothAgreed();
  });

  it('agree after a renewal that the user asked for in the other window', async () => {
    await there.refreshNow(notes);
    await assertBothAgreed();
  });

  it('agree after a renewal whose first save failed', async () => {
    const { refreshes } = issuer.counts();
    const renewing = here.refreshNow(notes);
    await issuer.occurrence(() => issuer.counts().refreshes > refreshes);
    profile.journal.failNext('write');
    profile.secrets.failNext('store');
    await profile.clock.armed(200);
    profile.clock.advance(200);
    await renewing;
    await assertBothAgreed();
  });

  it('agree after a renewal that found the issuer down at first', async () => {
    issuer.failNext('token', { status: 503 });
    await assert.rejects(here.refreshNow(notes), (error) => hasCode(error, 'issuer_unreachable'));
    await here.refreshNow(notes);
    await assertBothAgreed();
  });

  it('agree after the same account has signed in again', async () => {
    await there.signIn(notes, 'same');
    await assertBothAgreed();
  });

  it('agree after somebody else has signed in: the session stays alice’s, and the next one is bob’s', async () => {
    browser.user = { username: 'bob', password: 'bob', decision: 'allow' };
    await here.signIn(notes, 'any');
    await assert.rejects(here.accessToken(notes, 's-here'), (error) =>
      hasCode(error, 'session_account_changed'),
    );
    assert.equal((await stored('file:///here', 's-here')).owner?.subject, 'alice');
    generations.clear();
    here.sessionOpened(notes, 's-here-2', await here.accessToken(notes));
    await assertAgreed(here, 'file:///here', 's-here-2', 'bob');
    await assertAgreed(there, 'file:///there', 's-there', 'alice');
  });

  it('agree after a sign-out: nothing is left of bob but that the session was his', async () => {
    const { binding } = await stored('file:///here', 's-here-2');
    assert.ok(binding?.kind === 'bound');
    assert.equal(await here.signOut(notes), 'revoked');
    assert.deepEqual(here.state(notes), { kind: 'signed-out' });
    await assert.rejects(here.accessToken(notes, 's-here-2'), (error) => hasCode(error, 'sign_in_required'));
    const after = await stored('file:///here', 's-here-2');
    assert.deepEqual([after.binding, after.owner?.subject], [{ kind: 'signed-out' }, 'bob']);
    assert.equal(await new CredentialVault(stores()).get(keyOfEntry(binding)), undefined);
    assert.ok([...profile.secrets.values.keys()].every((key) => !key.includes('"bob"')));
    generations.clear();
    await assertAgreed(there, 'file:///there', 's-there', 'alice');
  });
});

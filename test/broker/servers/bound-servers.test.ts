import assert from 'node:assert/strict';
import { BoundServers } from '../../../src/broker/servers/bound-servers.js';
import { Issuers } from '../../../src/broker/state/issuers.js';
import { Reaches } from '../../../src/broker/state/reaches.js';
import { AllowedOrigins } from '../../../src/vault/records/allowed-origins.js';
import { Bindings } from '../../../src/vault/ledgers/bindings.js';
import { CredentialVault } from '../../../src/vault/credentials.js';
import { resource } from '../scripted-issuer.js';
import { notes, Profile, serverAt } from '../window.js';

const alice = { issuer: 'https://as.example.com', subject: 'u-1', label: 'alice@example.com' };
const entry = { account: alice, clientId: 'c', resource };

describe('the servers of a window, when another window of the workspace has changed a binding', () => {
  let profile: Profile;
  let closing: AbortController;

  beforeEach(() => {
    [profile, closing] = [new Profile(), new AbortController()];
  });
  afterEach(async () => {
    closing.abort();
    await profile.close();
  });

  async function opened() {
    const { clock, log, memento, audit, fetch, ledgers } = profile;
    const { signal } = closing;
    const bindings = new Bindings({ ledger: ledgers.bindings, clock, log }, 'file:///a');
    const vault = new CredentialVault({ ...profile.vaultParts(), closing: signal });
    const issuers = new Issuers(fetch, clock, signal, profile.rules.issuerQuirks, () => false);
    const reaches = new Reaches(issuers, new AllowedOrigins(memento, log));
    const servers = new BoundServers(bindings, vault, audit, reaches, issuers);
    await servers.loaded;
    servers.replace([serverAt()]);
    return { servers, end: () => bindings.end() };
  }
  async function doing(what: (servers: BoundServers) => void) {
    const { servers, end } = await opened();
    what(servers);
    await end();
    profile.clock.advance(1_000);
  }
  const signIn = (servers: BoundServers) => servers.bind(notes, entry, 'signed-in');
  const signOut = (servers: BoundServers) => servers.signOut(notes);
  async function isSignedOutNext() {
    const { servers, end } = await opened();
    await end();
    return servers.isSignedOut(notes);
  }

  for (const reason of ['signed-in', 'chosen'] as const)
    it(`write that the user has ${reason === 'chosen' ? reason : 'signed in'} again after a sign-out there`, async () => {
      await doing(signIn);
      const { servers, end } = await opened();
      await doing(signOut);
      servers.bind(notes, entry, reason);
      await end();
      assert.equal(await isSignedOutNext(), false);
    });

  it('write that the user has signed out again after a sign-in there', async () => {
    await doing(signOut);
    const { servers, end } = await opened();
    await doing(signIn);
    signOut(servers);
    await end();
    assert.equal(await isSignedOutNext(), true);
  });

  for (const [what, again] of [
    ['repeated', entry],
    ['made with another client', { ...entry, clientId: 'another' }],
  ] as const)
    it(`write nothing that undoes a sign-out there when a sign-in that needs no user is ${what}`, async () => {
      await doing(signIn);
      const { servers, end } = await opened();
      await doing(signOut);
      const { length } = profile.ledgers.bindings.lines;
      servers.bind(notes, again, 'granted');
      servers.bind(notes, { ...again, account: { ...alice, label: 'Alice' } }, 'granted');
      servers.bind(notes, { ...again, account: { ...alice, label: 'Alice' } }, 'granted');
      await end();
      const written = profile.ledgers.bindings.lines.length - length;
      assert.equal(written, again === entry ? 1 : 2, 'The same is written once.');
      assert.equal(await isSignedOutNext(), true);
    });
});

import assert from 'node:assert/strict';
import { hasCode } from '../../../src/core/errors.js';
import { isAlive } from '../../../src/core/credential.js';
import type { RedirectWait } from '../../../src/core/ports.js';
import type { ServerId } from '../../../src/core/server.js';
import { CredentialVault } from '../../../src/vault/credentials.js';
import { listen } from '../../support/listener.js';
import { noQuestions } from '../../support/no-questions.js';
import { ScriptedResource } from '../../support/scripted-resource.js';
import { notes, Profile, serverAt } from '../window.js';
import { follow, RegisteringIssuer } from './registering-issuer.js';

describe('a registration that an issuer made for us', () => {
  let profile: Profile;
  let issuer: RegisteringIssuer;
  let resource: ScriptedResource;

  beforeEach(async () => {
    profile = new Profile();
    issuer = await RegisteringIssuer.start(() => profile.clock.nowMs());
    resource = await ScriptedResource.start(issuer.issuer);
  });
  afterEach(async () => {
    await profile.close();
    await resource.close();
    await issuer.close();
  });

  async function windowFor(scopes?: readonly string[]) {
    const window = profile.window(follow);
    await window.broker.setServers([serverAt(resource.url, scopes && { scopes })]);
    return window.broker;
  }

  describe('where the issuer holds it to its scopes (RFC 7591 §2)', () => {
    beforeEach(() => {
      issuer.holdsToScopes = true;
    });

    it('names those that are asked for, so that the sign-in is not refused', async () => {
      await (await windowFor()).signIn(notes, 'any');
      assert.deepEqual(
        issuer.asked.map(({ scope }) => scope),
        ['mcp:read'],
      );
    });

    it('is used again for no more than those', async () => {
      const broker = await windowFor(['mcp:read', 'mcp:write']);
      await broker.signIn(notes, 'any');
      await broker.setServers([serverAt(resource.url, { scopes: ['mcp:write'] })]);
      await broker.signIn(notes, 'any');
      assert.deepEqual(issuer.authorized, ['client-1', 'client-1']);
    });

    it('is made anew for more, with what it had, and the credential of before goes when the new one is there', async () => {
      const broker = await windowFor(['mcp:read']);
      const account = await broker.signIn(notes, 'any');
      const vault = new CredentialVault({ ...profile.vaultParts(), closing: AbortSignal.abort() });
      await broker.setServers([serverAt(resource.url, { scopes: ['mcp:write'] })]);
      await broker.signIn(notes, 'any');
      assert.deepEqual(
        issuer.asked.map(({ scope }) => scope),
        ['mcp:read', 'mcp:read mcp:write'],
      );
      assert.equal(broker.account(notes)?.issuer, account.issuer);
      assert.deepEqual(issuer.authorized, ['client-1', 'client-2']);
      await vault.look();
      assert.ok(vault.list().every(({ clientId }) => clientId === 'client-2'));
    });

    it('is made anew without the credential of before being lost when the user does not come back', async () => {
      const broker = await windowFor(['mcp:read']);
      const { issuer: named, subject } = await broker.signIn(notes, 'any');
      await broker.setServers([serverAt(resource.url, { scopes: ['mcp:read', 'mcp:write'] })]);
      const stays = profile.window(() => Promise.resolve(false)).broker;
      await stays.setServers([serverAt(resource.url, { scopes: ['mcp:read', 'mcp:write'] })]);
      await assert.rejects(stays.signIn(notes, 'any'), (error) => hasCode(error, 'browser_unavailable'));
      assert.equal(issuer.clients.size, 2);
      const vault = new CredentialVault({ ...profile.vaultParts(), closing: AbortSignal.abort() });
      const key = { issuer: named, subject, clientId: 'client-1', resource: resource.url };
      const stored = await vault.get(key);
      assert.ok(stored !== undefined && isAlive(stored));
      assert.equal(typeof (await broker.accessToken(notes)), 'object');
    });
  });

  it('is asked for once more without scopes where those are refused, and then serves for all', async () => {
    issuer.registrableScopes = [];
    const broker = await windowFor(['mcp:read']);
    await broker.signIn(notes, 'any');
    await broker.setServers([serverAt(resource.url, { scopes: ['mcp:read', 'mcp:write'] })]);
    await broker.signIn(notes, 'any');
    assert.deepEqual(
      issuer.asked.map(({ scope }) => scope),
      ['mcp:read', undefined],
    );
    assert.deepEqual(issuer.authorized, ['client-1', 'client-1']);
  });

  it('goes on serving where the issuer makes no other one any more', async () => {
    const broker = await windowFor(['mcp:read']);
    await broker.signIn(notes, 'any');
    issuer.refusal = { status: 403, body: { error: 'access_denied' } };
    await broker.setServers([serverAt(resource.url, { scopes: ['mcp:read', 'mcp:write'] })]);
    await broker.signIn(notes, 'any');
    assert.deepEqual(issuer.authorized, ['client-1', 'client-1']);
  });

  describe('with a secret that ends (RFC 7591 §3.2.1)', () => {
    const lifeMs = 3_600_000;

    it('is made anew when that is over, before anybody is sent to the browser', async () => {
      issuer.secretEndsAtSeconds = Math.floor((profile.clock.nowMs() + lifeMs) / 1000);
      const broker = await windowFor();
      await broker.signIn(notes, 'any');
      await broker.signOut(notes);
      profile.clock.advance(lifeMs);
      issuer.secretEndsAtSeconds = 0;
      await broker.signIn(notes, 'any');
      assert.deepEqual(issuer.authorized, ['client-1', 'client-2']);
    });

    it('is used until then, and for good where it never ends', async () => {
      issuer.secretEndsAtSeconds = 0;
      const broker = await windowFor();
      await broker.signIn(notes, 'any');
      await broker.signOut(notes);
      profile.clock.advance(1000 * lifeMs);
      await broker.signIn(notes, 'any');
      assert.deepEqual(issuer.authorized, ['client-1', 'client-1']);
    });
  });

  it('is made anew where its port is taken, so that no strict issuer shows an error page (RFC 8252 §7.3)', async () => {
    issuer.holdsToPorts = true;
    const broker = await windowFor();
    await broker.signIn(notes, 'any');
    const [registered] = [...issuer.clients.values()].flatMap(({ redirectUris }) => redirectUris);
    const taken = await listen('127.0.0.1', Number(new URL(registered ?? '').port));
    try {
      await broker.signIn(notes, 'any');
    } finally {
      await taken.close();
    }
    assert.deepEqual(issuer.pages, [302, 302]);
    assert.deepEqual(issuer.authorized, ['client-1', 'client-2']);
  });

  describe('that can be deleted again (RFC 7592)', () => {
    const orders = 'orders' as ServerId;
    const again: readonly string[] = ['mcp:read', 'mcp:write'];
    let other: ScriptedResource;

    beforeEach(async () => {
      issuer.managesClients = true;
      issuer.holdsToPorts = true;
      other = await ScriptedResource.start(issuer.issuer);
    });
    afterEach(() => other.close());

    /** A browser that stands at the page of the first sign-in until it is told to go on. */
    function standing() {
      let goOn: (() => void) | undefined;
      const browser = (url: string): Promise<boolean> => {
        if (goOn !== undefined) return follow(url);
        goOn = () => void follow(url);
        return Promise.resolve(true);
      };
      return { browser, isThere: () => goOn !== undefined, goOn: () => goOn?.() };
    }

    const turns = async (isOver: () => boolean) => {
      for (let count = 0; count < 1000 && !isOver(); count += 1)
        await new Promise((resolve) => setImmediate(resolve));
    };

    const storedClient = async () => {
      const vault = new CredentialVault({ ...profile.vaultParts(), closing: AbortSignal.abort() });
      return (await vault.client(issuer.issuer))?.clientId;
    };

    it('is one for all sign-ins of a window, also while they are under way at once', async () => {
      await (await windowFor()).signIn(notes, 'any');
      const { browser, isThere, goOn } = standing();
      const { broker } = profile.window(browser);
      await broker.setServers([serverAt(resource.url), { ...serverAt(other.url), id: orders }]);
      const first = broker.signIn(notes, 'any');
      await turns(isThere);
      await broker.signIn(orders, 'any');
      goOn();
      await first;
      assert.deepEqual(issuer.authorized, ['client-1', 'client-1', 'client-1']);
    });

    it('stays while another sign-in of the window is at its page, although a new one has taken its place', async () => {
      await (await windowFor()).signIn(notes, 'any');
      const { browser, isThere, goOn } = standing();
      const { broker } = profile.window(browser);
      const servers = (scopes: readonly string[]) => [
        serverAt(resource.url, { scopes }),
        { ...serverAt(other.url), id: orders },
      ];
      await broker.setServers(servers(['mcp:read']));
      const first = broker.signIn(orders, 'any');
      await turns(isThere);
      await broker.setServers(servers(again));
      await broker.signIn(notes, 'any');
      await turns(() => issuer.deleted.length > 0);
      goOn();
      await first;
      assert.deepEqual(issuer.authorized, ['client-1', 'client-2', 'client-1']);
      assert.deepEqual(issuer.deleted, []);
    });

    it('stays when a server is signed out while another one’s sign-in is at its page', async () => {
      const { browser, isThere, goOn } = standing();
      const first = await windowFor();
      await first.signIn(notes, 'any');
      const { broker } = profile.window(browser);
      await broker.setServers([serverAt(resource.url), { ...serverAt(other.url), id: orders }]);
      const second = broker.signIn(orders, 'any');
      await turns(isThere);
      await broker.signOut(notes, 'grant');
      goOn();
      await second;
      assert.deepEqual([issuer.authorized, issuer.deleted], [['client-1', 'client-1'], []]);
    });

    it('is not taken by a sign-in that begins while it is being deleted', async () => {
      let goOn = (): void => undefined;
      const held = new Promise<void>((resolve) => (goOn = resolve));
      let isAsked = false;
      profile.fetch = async (url, init) => {
        if (init.method !== 'DELETE') return fetch(url, init);
        isAsked = true;
        await held;
        return fetch(url, init);
      };
      const broker = await windowFor();
      await broker.signIn(notes, 'any');
      const leaving = broker.signOut(notes, 'grant');
      await turns(() => isAsked);
      await broker.signIn(notes, 'any');
      goOn();
      await leaving;
      assert.deepEqual([issuer.authorized, issuer.deleted], [['client-1', 'client-2'], ['client-1']]);
      assert.equal(await storedClient(), 'client-2');
    });

    it('stays for a sign-in that has found it just before it is forgotten', async () => {
      const { browser, isThere, goOn } = standing();
      const { broker } = profile.window(browser);
      await (await windowFor()).signIn(notes, 'any');
      await broker.setServers([serverAt(resource.url), { ...serverAt(other.url), id: orders }]);
      await broker.accessToken(notes);
      const { secrets } = profile;
      const deleted = secrets.delete.bind(secrets);
      let forget: (() => void) | undefined;
      secrets.delete = async (name) => {
        if (name === `client:${issuer.issuer}`) await new Promise<void>((resolve) => (forget = resolve));
        return deleted(name);
      };
      const leaving = broker.signOut(notes, 'grant');
      await turns(() => forget !== undefined);
      const second = broker.signIn(orders, 'any');
      await turns(isThere);
      forget?.();
      await leaving;
      goOn();
      await second;
      assert.deepEqual([issuer.authorized, issuer.deleted], [['client-1', 'client-1'], []]);
      assert.equal(await storedClient(), 'client-1');
    });

    it('is kept for the next sign-in where the issuer cannot be told that it is to go', async () => {
      profile.fetch = (url, init) =>
        init.method === 'DELETE' ? Promise.reject(new TypeError('fetch failed')) : fetch(url, init);
      const broker = await windowFor();
      await broker.signIn(notes, 'any');
      await broker.signOut(notes, 'grant');
      assert.deepEqual([await storedClient(), issuer.deleted], ['client-1', []]);
    });

    it('stays when only its port was taken, since another window may be at its page', async () => {
      const broker = await windowFor();
      await broker.signIn(notes, 'any');
      const [registered] = [...issuer.clients.values()].flatMap(({ redirectUris }) => redirectUris);
      const taken = await listen('127.0.0.1', Number(new URL(registered ?? '').port));
      await broker.signIn(notes, 'any').finally(() => taken.close());
      await turns(() => issuer.deleted.length > 0);
      assert.deepEqual([issuer.authorized, issuer.deleted], [['client-1', 'client-2'], []]);
    });

    it('is deleted when one with more scopes has taken its place and nobody uses it', async () => {
      const broker = await windowFor();
      await broker.signIn(notes, 'any');
      await broker.setServers([serverAt(resource.url, { scopes: again })]);
      await broker.signIn(notes, 'any');
      await turns(() => issuer.deleted.length > 0);
      assert.deepEqual([issuer.deleted, await storedClient()], [['client-1'], 'client-2']);
    });

    describe('when another one has taken its place, and a server still uses it', () => {
      const former = async () => {
        const vault = new CredentialVault({ ...profile.vaultParts(), closing: AbortSignal.abort() });
        return (await vault.client(issuer.issuer, 'client-1'))?.clientId;
      };

      async function replaced() {
        const { broker } = profile.window(follow);
        const servers = (scopes: readonly string[]) => [
          serverAt(resource.url, { scopes }),
          { ...serverAt(other.url, { scopes: ['mcp:read'] }), id: orders },
        ];
        await broker.setServers(servers(['mcp:read']));
        await broker.signIn(notes, 'any');
        await broker.signIn(orders, 'any');
        await broker.setServers(servers(again));
        await broker.signIn(notes, 'any');
        assert.deepEqual([[...issuer.clients.keys()], issuer.deleted], [['client-1', 'client-2'], []]);
        return broker;
      }

      it('is deleted when that one is signed out', async () => {
        const broker = await replaced();
        await broker.signOut(orders, 'grant');
        assert.deepEqual([issuer.deleted, await former()], [['client-1'], undefined]);
        await broker.signOut(notes, 'grant');
        assert.deepEqual([[...issuer.clients.keys()], await storedClient()], [[], undefined]);
      });

      it('is deleted when that one has signed in with the other', async () => {
        const broker = await replaced();
        await broker.signIn(orders, 'any');
        await turns(() => issuer.deleted.length > 0);
        assert.deepEqual(issuer.authorized.slice(-1), ['client-2']);
        assert.deepEqual([issuer.deleted, await former()], [['client-1'], undefined]);
        assert.equal(await storedClient(), 'client-2');
      });

      it('is deleted also where it was given up because nobody came back from the browser', async () => {
        const servers = [serverAt(resource.url), { ...serverAt(other.url), id: orders }];
        const { broker } = profile.window(follow);
        await broker.setServers(servers);
        await broker.signIn(notes, 'any');
        await broker.signIn(orders, 'any');
        let isOpen = false;
        const staying = profile.window(() => Promise.resolve((isOpen = true))).broker;
        await staying.setServers(servers);
        const left = assert.rejects(staying.signIn(notes, 'any'), (error) =>
          hasCode(error, 'sign_in_timeout'),
        );
        await turns(() => isOpen);
        profile.clock.advance(5 * 60_000);
        await left;
        assert.deepEqual([await storedClient(), await former()], [undefined, 'client-1']);
        await broker.signIn(notes, 'any');
        await broker.signOut(orders, 'grant');
        assert.deepEqual([[...issuer.clients.keys()], issuer.deleted], [['client-2'], ['client-1']]);
      });

      it('is kept where the issuer cannot be told, and leaves the other its place', async () => {
        profile.fetch = (url, init) =>
          init.method === 'DELETE' ? Promise.reject(new TypeError('fetch failed')) : fetch(url, init);
        const broker = await replaced();
        await broker.signOut(orders, 'grant');
        assert.deepEqual([await former(), await storedClient()], ['client-1', 'client-2']);
      });
    });

    it('keeps its place until somebody has signed in with the new one, which goes when nobody has', async () => {
      await (await windowFor()).signIn(notes, 'any');
      const { broker } = profile.window(() => Promise.resolve(false));
      await broker.setServers([serverAt(resource.url, { scopes: again })]);
      await assert.rejects(broker.signIn(notes, 'any'), (error) => hasCode(error, 'browser_unavailable'));
      await turns(() => issuer.deleted.length > 0);
      assert.deepEqual([issuer.deleted, await storedClient()], [['client-2'], 'client-1']);
    });
  });

  describe('that it refuses to make', () => {
    const refusals = {
      'Keycloak’s trusted hosts': {
        status: 403,
        body: {
          error: 'insufficient_scope',
          error_description: "Policy 'Trusted Hosts' rejected request to client-registration service.",
        },
      },
      'an initial access token that we have not': { status: 401, body: { error: 'invalid_token' } },
      'a page': { status: 400, body: {} },
    };
    for (const [what, refusal] of Object.entries(refusals))
      it(`is replaced by a client that the user enters: ${what}`, async () => {
        issuer.refusal = refusal;
        issuer.clients.set('mine', { redirectUris: [] });
        const places: (string | undefined)[] = [];
        profile.questions = {
          ...noQuestions,
          client: (_server, _issuer, redirectUri) => {
            places.push(redirectUri);
            return Promise.resolve({ clientId: 'mine' });
          },
        };
        const broker = await windowFor();
        await broker.signIn(notes, 'any');
        await broker.signIn(notes, 'any');
        assert.deepEqual(issuer.authorized, ['mine', 'mine']);
        assert.deepEqual(places, ['http://127.0.0.1/callback']);
      });

    it('is replaced by one that comes back where a client of the user’s can, not where a new one would', async () => {
      issuer.refusal = { status: 403, body: { error: 'access_denied' } };
      issuer.holdsToPorts = true;
      const { redirects } = profile;
      const waits: { readonly source: string | undefined; readonly wait: RedirectWait }[] = [];
      profile.redirects = {
        open: async (state, client) => {
          // As in a browser: the address that anybody else comes back to is another one each time.
          const isFixed = client?.source === 'entered';
          const opened = await redirects.open(state, isFixed ? { ...client, redirectUri } : client);
          const wait = { ...opened, registrableUri: opened.redirectUri };
          waits.push({ source: client?.source, wait });
          return wait;
        },
      };
      const probe = await listen('127.0.0.1');
      await probe.close();
      const redirectUri = `http://127.0.0.1:${probe.port}/callback`;
      const places: (string | undefined)[] = [];
      profile.questions = {
        ...noQuestions,
        client: (_server, _issuer, place) => {
          places.push(place);
          issuer.clients.set('mine', { redirectUris: [place ?? ''] });
          return Promise.resolve({ clientId: 'mine' });
        },
      };
      const broker = await windowFor();
      await broker.signIn(notes, 'any');
      await broker.signIn(notes, 'any');
      assert.deepEqual([places, issuer.pages], [[redirectUri], [302, 302]]);
      assert.deepEqual(
        waits.map(({ source }) => source),
        [undefined, 'entered', 'entered'],
      );
      for (const { wait } of waits) await assert.rejects(fetch(wait.redirectUri));
    });

    it('is replaced by one that is asked for again where it was mistyped, which only the browser is told', async () => {
      issuer.refusal = { status: 403, body: { error: 'access_denied' } };
      issuer.clients.set('mine', { redirectUris: [] });
      const entered = ['mein', 'mine'];
      profile.questions = {
        ...noQuestions,
        client: () => Promise.resolve({ clientId: entered.shift() ?? '' }),
      };
      const broker = await windowFor();
      const mistyped = assert.rejects(broker.signIn(notes, 'any'), (error) =>
        hasCode(error, 'sign_in_timeout'),
      );
      while (issuer.pages.length === 0) await new Promise((resolve) => setImmediate(resolve));
      profile.clock.advance(5 * 60_000);
      await mistyped;
      await broker.signIn(notes, 'any');
      await broker.signIn(notes, 'any');
      assert.deepEqual([issuer.authorized, entered], [['mine', 'mine'], []]);
    });

    it('ends the sign-in with the reason where the user enters none', async () => {
      issuer.refusal = { status: 403, body: { error: 'access_denied', error_description: 'Not you.' } };
      profile.questions = { ...noQuestions, client: () => Promise.resolve(undefined) };
      const broker = await windowFor();
      await assert.rejects(
        broker.signIn(notes, 'any'),
        (error) =>
          hasCode(error, 'registration_refused') && error.details['reason'] === '"access_denied: Not you."',
      );
      assert.deepEqual(issuer.pages, []);
    });
  });
});

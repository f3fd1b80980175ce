import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { Stores } from '../support/broker-window.js';
import {
  editorRedirect as own,
  focusedBeside,
  ignoredRedirects,
  windowByEditor,
} from '../support/editor-redirect.js';
import { FakeMemento } from '../support/fake-memento.js';
import type { EditorPlace } from '../support/fake-editor.js';
import { publicClient, serversSetting, useGround, userOf } from '../support/ground.js';
import { listen } from '../support/listener.js';

/** The modes of the file that waits, and of the folder it is in. */
const modesIn = (home: string): readonly string[] => {
  const folder = join(home, 'redirects');
  const [waiting = ''] = readdirSync(folder);
  return [statSync(join(folder, waiting)), statSync(folder)].map(({ mode }) => (mode & 0o777).toString(8));
};

describe('where the browser comes back', () => {
  const ground = useGround();

  const redirectUriOf = (url = '') => new URL(url).searchParams.get('redirect_uri') ?? '';

  describe('to the address of the editor, which the settings ask for', () => {
    it('a client that is registered with it signs in, and the window says so', async () => {
      const { issuer, window: mine, browser } = await windowByEditor(ground);
      browser.openProgram = (url) => mine.editor.openUri(url);
      await mine.signIn();
      assert.equal(redirectUriOf(mine.editor.opened[0]), own);
      assert.ok(mine.editor.window.flashes.includes('You are signed in for “tickets”.'));
      assert.match(await (await mine.connect('tickets')).call('whoami'), /alice/);
      assert.equal(issuer.counts().codesExchanged, 1);
      assert.ok(!mine.remains.includes(new URL((await mine.editor.visits[0])?.finalUrl ?? '').search));
    });

    it('what anybody else opens there is ignored, whatever it carries, and so is a second time', async () => {
      const { issuer, window: mine, browser } = await windowByEditor(ground);
      browser.openProgram = (url) => {
        const { searchParams } = new URL(url);
        const state = searchParams.get('state') ?? '';
        for (const forged of [
          own,
          `${own}?code=forged`,
          `${own}?code=forged&state=${state}x`,
          `${own}?code=forged&state=${state}&state=${state}`,
          `${own}?code=forged&state=`,
          `${own.replace('/callback', '/elsewhere')}?code=forged&state=${state}`,
        ])
          mine.editor.openUri(forged);
        mine.editor.openUri(url);
        mine.editor.openUri(`${own}?code=forged&state=${state}`);
      };
      await mine.signIn();
      assert.match(await (await mine.connect('tickets')).call('whoami'), /alice/);
      assert.equal(issuer.counts().codesExchanged, 1);
      assert.equal(ignoredRedirects(mine), 7);
      assert.ok(!mine.remains.includes('forged'));
    });

    it('comes to the window that waits for it, when the system opens it in another one', async () => {
      const { issuer, window: mine, browser } = await windowByEditor(ground);
      const focused = await focusedBeside(ground, mine);
      const seen: string[] = [];
      browser.openProgram = (url) => {
        seen.push(url, ...modesIn(mine.stores.home));
        focused.editor.openUri(url);
      };
      await mine.signIn();
      assert.match(await (await mine.connect('tickets')).call('whoami'), /alice/);
      assert.equal(issuer.counts().codesExchanged, 1);
      assert.match(focused.log(/handed on to the window/) ?? '', /^info /);
      assert.deepEqual(seen.slice(1), ['600', '700'], 'What waits, and the folder it is in.');
      assert.deepEqual(readdirSync(join(mine.stores.home, 'redirects')), []);
      for (const { remains } of [mine, focused])
        assert.ok(!remains.includes(new URL(seen[0] ?? '').searchParams.get('code') ?? 'none'));
    });

    it('leaves nothing in a file where nothing is to be kept, not even while it waits', async () => {
      const stores = new Stores({ globalState: new FakeMemento() });
      const { window: mine, browser } = await windowByEditor(
        ground,
        { 'mcpCredentials.storage.backend': 'memory' },
        stores,
      );
      const seen: (readonly string[])[] = [];
      browser.openProgram = (url) => {
        seen.push(readdirSync(stores.home, { recursive: true }).map(String));
        mine.editor.openUri(url);
      };
      await mine.signIn();
      assert.match(await (await mine.connect('tickets')).call('whoami'), /alice/);
      await mine.close();
      assert.deepEqual([...seen, readdirSync(stores.home), stores.globalState.keys()], [[], [], []]);
    });

    it('a redirect there is judged like any other: one of another issuer is refused', async () => {
      const { issuer, window: mine, browser } = await windowByEditor(ground);
      browser.openProgram = (url) => {
        const redirect = new URL(url);
        redirect.searchParams.set('iss', 'https://evil.example.com');
        mine.editor.openUri(redirect.href);
      };
      await mine.ready;
      const signIn = mine.run('signIn');
      (await mine.editor.window.message(/does not belong to this sign-in, so it was ignored/)).close();
      await signIn;
      assert.equal(issuer.counts().codesExchanged, 0);
    });
  });

  describe('to a window in a browser, while the extension runs on another computer', () => {
    /** The page that such an editor serves for it, which hands what it was opened with to the window. */
    async function callbackPage(arrived: (path: string) => void, refuse = false) {
      const listener = await listen('127.0.0.1');
      ground.atEnd(() => listener.close());
      let requests = 0;
      listener.serve((req, res) => {
        arrived(req.url ?? '');
        res.writeHead(200, { 'content-type': 'text/html' }).end('You can close this page now.');
      });
      const external = (address: string) => {
        if (refuse) throw new Error('Nowhere.');
        const { host, pathname, protocol } = new URL(address);
        requests += 1;
        return `${listener.origin}/callback?vscode-reqid=${requests}&vscode-scheme=${protocol.slice(0, -1)}&vscode-authority=${host}&vscode-path=${encodeURIComponent(pathname)}`;
      };
      return external;
    }

    async function webWindow(refuse = false, registration = true) {
      const issuer = await ground.issuer({ registration });
      const server = await ground.server(issuer);
      const external = await callbackPage((path) => {
        const { searchParams } = new URL(path, 'http://page');
        for (const name of [...searchParams.keys()])
          if (name.startsWith('vscode-')) searchParams.delete(name);
        const [scheme = '', rest = ''] = own.split('://');
        const [authority = ''] = rest.split('/');
        mine.editor.openUri({ scheme, authority, path: '/callback', query: searchParams.toString() });
      }, refuse);
      const place: EditorPlace = { remoteName: 'codespaces', isWeb: true, external };
      const { window: mine, browser } = ground.window({ user: serversSetting([server]), place });
      return { issuer, mine, browser };
    }

    it('goes through a forwarded port, where the user has to register a client by hand', async () => {
      const { mine } = await webWindow(false, false);
      await mine.ready;
      const signIn = mine.run('signIn');
      const box = await mine.editor.window.input(/does not register this editor by itself/);
      assert.match(box.prompt, /redirect URI http\S+vscode-scheme=http&vscode-authority=127\.0\.0\.1/);
      box.hide();
      await signIn;
      assert.deepEqual(mine.editor.opened, []);
    });

    it('goes through the editor, for whose address of today it registers', async () => {
      const { issuer, mine } = await webWindow();
      assert.match((await mine.signIn()).text, /You can close this page/);
      assert.match(
        redirectUriOf(mine.editor.opened[0]),
        /\/callback\?vscode-reqid=1&vscode-scheme=fake\.editor/,
      );
      const { call } = await mine.connect('tickets');
      assert.match(await call('whoami'), /alice/);
      // The address is good for one redirect, so the next sign-in has another.
      await mine.signIn(/Again as/);
      assert.match(redirectUriOf(mine.editor.opened[1]), /vscode-reqid=2/);
      assert.equal(issuer.counts().registrations, 2);
      assert.match(await call('whoami'), /alice/);
    });

    it('leaves no registration behind that nobody uses any more, and none that somebody does', async () => {
      const { issuer, mine, browser } = await webWindow();
      const gone = () => issuer.events.filter(({ kind }) => kind === 'unregistered').length;
      const leaves = async (count: number) => {
        while (gone() < count) await new Promise((resolve) => setImmediate(resolve));
      };
      await mine.signIn();
      await mine.signIn(/Again as/);
      await leaves(1);
      assert.match(await (await mine.connect('tickets')).call('whoami'), /alice/);
      browser.user = userOf('bob');
      await mine.signIn(/other account/i);
      assert.match(await (await mine.connect('tickets')).call('whoami'), /bob/);
      await mine.signIn(/Again as/);
      await leaves(2);
      assert.deepEqual([issuer.counts().registrations, gone()], [4, 2], 'Alice still has the second one.');
      mine.clock.leap(55_000);
      assert.match(await (await mine.connect('tickets')).call('whoami'), /bob/);
      for (const secret of issuer.issuedSecrets) assert.ok(!mine.remains.includes(secret));
    });

    it('says what to do where the editor knows no such address', async () => {
      const { mine } = await webWindow(true);
      mine.editor.browse = undefined;
      await mine.ready;
      const signIn = mine.run('signIn');
      (await mine.editor.window.message(/gives out no address .* “mcpCredentials\.redirect\.via”/)).close();
      await signIn;
    });
  });

  describe('to a port that the editor forwards from the user’s computer to the one of the extension', () => {
    /** What a tunnel does: another port, and the name of that in `Host`. */
    async function tunnel(prefix = '') {
      const listener = await listen('127.0.0.1');
      ground.atEnd(() => listener.close());
      let target = new URL('http://nowhere');
      listener.serve((req, res) => {
        const path = (req.url ?? '').slice(prefix.length);
        const { host = '' } = req.headers;
        const options = { host: '127.0.0.1', port: target.port, path, headers: { host }, agent: false };
        request(options, (answer) => {
          res.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(res);
        }).end();
      });
      const external = (address: string) => {
        target = new URL(address);
        return `${listener.origin}${prefix}${target.pathname}`;
      };
      return { origin: listener.origin, external };
    }

    it('signs in with the address of the tunnel', async () => {
      const issuer = await ground.issuer();
      const server = await ground.server(issuer);
      const { origin, external } = await tunnel();
      const place: EditorPlace = { remoteName: 'ssh-remote', isWeb: false, external };
      const { window: mine } = ground.window({ user: serversSetting([server]), place });
      assert.match((await mine.signIn()).text, /You are signed in/);
      assert.equal(redirectUriOf(mine.editor.opened[0]), `${origin}/callback`);
      assert.match(await (await mine.connect('tickets')).call('whoami'), /alice/);
    });

    it('is what a client of the settings comes back to where the window is in a browser', async () => {
      const { origin, external } = await tunnel('/proxy/4711');
      const client = { ...publicClient('refresh_token'), redirect_uris: [`${origin}/proxy/4711/callback`] };
      const issuer = await ground.issuer({ clients: [client], registration: false });
      const server = await ground.server(issuer);
      const place: EditorPlace = { remoteName: 'codespaces', isWeb: true, external };
      const user = serversSetting([server], { tickets: { auth: { clientId: 'ours' } } });
      const { window: mine } = ground.window({ user, place });
      assert.match((await mine.signIn()).text, /You are signed in/);
      assert.equal(redirectUriOf(mine.editor.opened[0]), `${origin}/proxy/4711/callback`);
    });

    it('takes nothing that has not the state of the sign-in', async () => {
      const issuer = await ground.issuer();
      const server = await ground.server(issuer);
      const { origin, external } = await tunnel();
      const place: EditorPlace = { remoteName: 'ssh-remote', isWeb: false, external };
      const { window: mine, browser } = ground.window({ user: serversSetting([server]), place });
      const open = mine.editor.browse;
      mine.editor.browse = async (url) => {
        for (const query of ['', '?code=forged', '?code=forged&state=forged'])
          assert.equal((await fetch(`${origin}/callback${query}`)).status, 404);
        return (open ?? browser.open)(url);
      };
      assert.match((await mine.signIn()).text, /You are signed in/);
      assert.equal(issuer.counts().codesExchanged, 1);
    });
  });

  it('is the name of this computer that we are registered with, whatever the settings say since', async () => {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    const { window: mine } = ground.window({ user: serversSetting([server]) });
    await mine.signIn();
    mine.editor.settings.set('user', 'mcpCredentials.redirect.host', 'localhost');
    await mine.signIn(/Again as/);
    assert.match(redirectUriOf(mine.editor.opened[1]), /^http:\/\/127\.0\.0\.1:/);
    assert.equal(issuer.counts().registrations, 1);
  });
});

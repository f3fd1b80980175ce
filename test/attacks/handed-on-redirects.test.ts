import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Stores, type BrokerWindow } from '../support/broker-window.js';
import { publicClient, serversSetting, useGround } from '../support/ground.js';

const own = 'fake.editor://mcp-credential-broker.mcp-credential-broker/callback';

/** Resolves when `window` has said of so many that they belong to no sign-in. */
async function whenIgnored({ editor }: BrokerWindow, times: number): Promise<void> {
  const ignored = () =>
    editor.window.logLines.filter((line) => line.includes('belongs to no sign-in')).length;
  while (ignored() < times) await new Promise((resolve) => setImmediate(resolve));
}

describe('redirects that windows hand on to each other', () => {
  const ground = useGround();

  /** A window that signs in through the editor's address, and another one, which the user looked at last. */
  async function windows() {
    const client = { ...publicClient('refresh_token'), redirect_uris: [own] };
    const issuer = await ground.issuer({ clients: [client], registration: false });
    const server = await ground.server(issuer);
    const user = {
      ...serversSetting([server], { tickets: { auth: { clientId: 'ours' } } }),
      'mcpCredentials.redirect.via': 'editor',
    };
    const { window: mine, browser } = ground.window({ user });
    const { window: focused } = ground.window({ stores: new Stores({ home: mine.stores.home }) });
    await focused.ready;
    const folder = join(mine.stores.home, 'redirects');
    return { issuer, mine, browser, focused, folder };
  }

  it('leave nothing of a web page that opens a thousand of them, with states of its own', async () => {
    const { focused, folder } = await windows();
    for (let count = 0; count < 1000; count++)
      focused.editor.openUri(`${own}?code=forged&state=${'x'.repeat(1000)}${count}`);
    await whenIgnored(focused, 1000);
    assert.ok(!existsSync(folder));
    assert.ok(!focused.remains.includes('forged'));
  });

  it('are for one sign-in alone: with other states, while somebody signs in, they are not written either', async () => {
    const { issuer, mine, browser, focused, folder } = await windows();
    const seen: string[][] = [];
    browser.openProgram = (url) => {
      const state = new URL(url).searchParams.get('state') ?? '';
      for (const forged of [`${state}x`, state.slice(1), state.toUpperCase(), `${state}&state=${state}`, ''])
        focused.editor.openUri(`${own}?code=forged&state=${forged}`);
      focused.editor.openUri(`${own.replace('/callback', '/elsewhere')}?code=forged&state=${state}`);
      void whenIgnored(focused, 6).then(() => {
        seen.push(readdirSync(folder));
        focused.editor.openUri(url);
      });
    };
    await mine.signIn();
    assert.equal(seen[0]?.length, 1, 'The one that waits.');
    assert.match(await (await mine.connect('tickets')).call('whoami'), /alice/);
    assert.equal(issuer.counts().codesExchanged, 1);
  });

  it('are judged by the window that waits: a file that says something else is no redirect of the sign-in', async () => {
    const { issuer, mine, browser, folder } = await windows();
    browser.openProgram = (url) => {
      const [waiting = ''] = readdirSync(folder);
      writeFileSync(join(folder, waiting.replace('.waiting', '.redirect')), `${own}?code=forged&state=other`);
      void whenIgnored(mine, 1).then(() => mine.editor.openUri(url));
    };
    await mine.signIn();
    assert.match(await (await mine.connect('tickets')).call('whoami'), /alice/);
    assert.equal(issuer.counts().codesExchanged, 1);
    assert.ok(!mine.remains.includes('forged'));
  });
});

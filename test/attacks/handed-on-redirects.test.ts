import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrokerWindow } from '../support/broker-window.js';
import {
  editorRedirect as own,
  focusedBeside,
  ignoredRedirects,
  windowByEditor,
} from '../support/editor-redirect.js';
import { useGround } from '../support/ground.js';

/** Resolves when `window` has said of so many that they belong to no sign-in. */
async function whenIgnored(window: BrokerWindow, times: number): Promise<void> {
  while (ignoredRedirects(window) < times) await new Promise((resolve) => setImmediate(resolve));
}

describe('redirects that windows hand on to each other', () => {
  const ground = useGround();

  /** A window that signs in through the editor's address, and another one, which the user looked at last. */
  async function windows() {
    const { issuer, window: mine, browser } = await windowByEditor(ground);
    const focused = await focusedBeside(ground, mine);
    return { issuer, mine, browser, focused, folder: join(mine.stores.home, 'redirects') };
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

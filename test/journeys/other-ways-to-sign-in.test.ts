import assert from 'node:assert/strict';
import { until, type BrokerWindow } from '../support/broker-window.js';
import { authorizationServerWith } from '../support/changed-metadata.js';
import { FormBrowser } from '../support/form-browser.js';
import { serversSetting, useGround, userOf } from '../support/ground.js';
import { listen } from '../support/listener.js';

const patienceMs = 40_000;
const trouble = /waits for you in the browser\. Having trouble\?/;

describe('where the browser does not come back', () => {
  const ground = useGround();

  /** A sign-in that has been sent off to a browser which keeps what it is redirected to for itself. */
  async function strandedSignIn(options: Parameters<typeof ground.issuer>[0] = {}) {
    const issuer = await ground.issuer(options);
    const server = await ground.server(issuer);
    const browser = new FormBrowser(userOf('alice'));
    let sentOff = (_url: string): void => undefined;
    const sent = new Promise<string>((resolve) => {
      sentOff = resolve;
    });
    const { window } = ground.window({
      user: serversSetting([server]),
      browse: (url) => {
        sentOff(url);
        return new Promise(() => undefined);
      },
    });
    await window.ready;
    const run = window.run('signIn');
    const url = await sent;
    window.clock.leap(patienceMs);
    const help = await window.editor.window.message(trouble);
    return { issuer, server, browser, window, run, url, help };
  }

  it('the user pastes the address at which the browser was left, and it is judged like any other', async () => {
    const { issuer, server, browser, window, run, url, help } = await strandedSignIn();
    help.press('Paste Address…');
    const box = await window.editor.window.input(/Copy its whole address/);
    assert.equal(box.password, true);
    const home = new URL(url).searchParams.get('redirect_uri') ?? '';
    const state = new URL(url).searchParams.get('state') ?? '';
    for (const wrong of [
      '',
      'not an address',
      url,
      `${home}?code=1`,
      `${home}?code=1&state=${state}x`,
      `${home}?code=1&state=x&state=${state}`,
      `https://evil.example.com/callback?code=1&state=${state}`,
    ]) {
      box.enter(wrong);
      assert.match(box.validationMessage ?? '', /not the address of this sign-in/, wrong);
    }
    const redirected = await redirectOf(browser, url);
    box.enter(` ${redirected} `);
    await run;
    assert.equal(box.isVisible, false);
    assert.equal(issuer.counts().codesExchanged, 1);
    const { call } = await window.connect('tickets');
    assert.match(await call('whoami'), /alice/);
    assert.ok(server.requests.length > 0);
    assert.ok(!window.remains.includes(new URL(redirected).searchParams.get('code') ?? ''));
  });

  it('a pasted address of another issuer is refused, and its code goes nowhere', async () => {
    const { issuer, browser, window, run, url, help } = await strandedSignIn();
    help.press('Paste Address…');
    const box = await window.editor.window.input(/Copy its whole address/);
    const redirect = new URL(await redirectOf(browser, url));
    redirect.searchParams.set('iss', 'https://evil.example.com');
    box.enter(redirect.href);
    (await window.editor.window.message(/does not belong to this sign-in, so it was ignored/)).close();
    await run;
    assert.equal(issuer.counts().codesExchanged, 0);
  });

  it('the user gives up, and nothing is said about it', async () => {
    const { window, run, help } = await strandedSignIn();
    help.press('Cancel Sign-In');
    await run;
    assert.match((await window.definition('tickets')).version ?? '', /^signed-out /);
  });

  it('the user signs in with a code, copied by the click that opens the page', async () => {
    const { issuer, browser, window, run, help } = await strandedSignIn();
    window.editor.browse = (address) => browser.open(address);
    help.press('Use a Code');
    const prompt = await window.editor.window.message(
      /enter the code \S+ at http:\/\/\[::1\]:\d+\/device, on this/,
    );
    assert.equal(window.editor.opened.length, 1, 'No page opens without a click.');
    const [, code = ''] = /the code (\S+) at/.exec(prompt.text) ?? [];
    window.clock.leap(5_000);
    prompt.press('Copy Code and Open Page');
    await run;
    await until(() => window.editor.visits.length === 2);
    assert.match((await window.editor.visits[1])?.text ?? '', /The device is signed in/);
    assert.equal(window.editor.clipboard, code);
    await leapUntil(window, () => window.log(/Signed in/) !== undefined);
    await until(() => window.editor.window.flashes.includes('You are signed in for “tickets”.'));
    const { call } = await window.connect('tickets');
    assert.match(await call('whoami'), /alice/);
    window.clock.leap(55_000);
    await issuer.occurrence(({ kind }) => kind === 'refreshed');
    await until(() => window.log(/Renewed/) !== undefined);
  });

  it('the user who refuses on the page of the code is not signed in, and hears nothing more', async () => {
    const { browser, window, help } = await strandedSignIn();
    browser.user = userOf('alice', 'cancel');
    window.editor.browse = (address) => browser.open(address);
    help.press('Use a Code');
    (await window.editor.window.message(/enter the code/)).press('Copy Code and Open Page');
    await until(() => window.editor.visits.length === 2);
    await window.editor.visits[1];
    await leapUntil(
      window,
      () => window.log(/was given up/) !== undefined && window.clock.pending.length < 3,
    );
    assert.match((await window.definition('tickets')).version ?? '', /^signed-out /);
  });

  it('a code that nobody enters ends with its life', async () => {
    const { window, help } = await strandedSignIn();
    help.press('Use a Code');
    await window.editor.window.message(/enter the code/);
    let isOver = false;
    void window.editor.window.message(/Nobody finished the sign-in/).then((failure) => {
      failure.close();
      isOver = true;
    });
    await leapUntil(window, () => isOver, 200_000);
  });

  it('a server without codes says what else there is, and what was under way goes on', async () => {
    const { browser, window, run, url, help } = await strandedSignIn({
      extraRoutes: authorizationServerWith({ device_authorization_endpoint: undefined }),
    });
    help.press('Use a Code');
    (await window.editor.window.message(/gives out no codes .* choose “Paste Address…”/)).close();
    const rest = await window.editor.window.message(trouble);
    assert.deepEqual(rest.buttons, ['Paste Address…', 'Cancel Sign-In']);
    rest.press('Paste Address…');
    const box = await window.editor.window.input(/Copy its whole address/);
    box.enter(await redirectOf(browser, url));
    await run;
    assert.match(await (await window.connect('tickets')).call('whoami'), /alice/);
  });

  it('nobody is helped in the browser who has not been sent there yet', async () => {
    const issuer = await ground.issuer({ registration: false });
    const { window } = ground.window({
      user: serversSetting([await ground.server(issuer)]),
      browse: undefined,
    });
    await window.ready;
    const run = window.run('signIn');
    const box = await window.editor.window.input(
      /with the redirect URI http:\/\/127\.0\.0\.1\/callback, and/,
    );
    window.clock.leap(2 * patienceMs);
    assert.deepEqual(window.editor.window.messages, []);
    box.hide();
    await run;
  });

  it('who is to register a client by hand is told the place of the settings', async () => {
    const free = await listen('127.0.0.1');
    const { port } = free;
    await free.close();
    const issuer = await ground.issuer({ registration: false });
    const place = { 'mcpCredentials.redirect.port': port, 'mcpCredentials.redirect.host': 'localhost' };
    const user = { ...serversSetting([await ground.server(issuer)]), ...place };
    const { window } = ground.window({ user, browse: undefined });
    await window.ready;
    const run = window.run('signIn');
    const box = await window.editor.window.input(/enter its client ID/);
    assert.ok(box.prompt.includes(`the redirect URI http://localhost:${port}/callback, and`), box.prompt);
    box.hide();
    await run;
  });
});

describe('an authorization server that wants requests sent ahead (PAR, RFC 9126)', () => {
  const ground = useGround();

  it('gets them, and the browser carries only a reference', async () => {
    const issuer = await ground.issuer({ pushedRequests: true });
    const { window } = ground.window({ user: serversSetting([await ground.server(issuer)]) });
    assert.match((await window.signIn()).text, /You are signed in/);
    const parameters = [...new URL(window.editor.opened[0] ?? '').searchParams.keys()];
    assert.deepEqual(parameters, ['client_id', 'request_uri']);
    const { call } = await window.connect('tickets');
    assert.match(await call('whoami'), /alice/);
  });
});

describe('a redirect to a fixed place', () => {
  const ground = useGround();

  it('goes to the port and the name of the settings', async () => {
    const free = await listen('127.0.0.1');
    const { port } = free;
    await free.close();
    const issuer = await ground.issuer();
    const place = { 'mcpCredentials.redirect.port': port, 'mcpCredentials.redirect.host': 'localhost' };
    const { window } = ground.window({
      user: { ...serversSetting([await ground.server(issuer)]), ...place },
    });
    assert.match((await window.signIn()).text, /You are signed in/);
    const { searchParams } = new URL(window.editor.opened[0] ?? '');
    assert.equal(searchParams.get('redirect_uri'), `http://localhost:${port}/callback`);
  });

  it('is no other when the port is taken: the user is told what to do', async () => {
    const taken = await listen('127.0.0.1');
    ground.atEnd(() => taken.close());
    const issuer = await ground.issuer();
    const { window } = ground.window({
      user: { ...serversSetting([await ground.server(issuer)]), 'mcpCredentials.redirect.port': taken.port },
      browse: undefined,
    });
    await window.ready;
    const run = window.run('signIn');
    (await window.editor.window.message(/is used by another program\. Close that program or change/)).close();
    await run;
  });
});

/** Where the browser would have come back to, if it could reach this computer. */
async function redirectOf(browser: FormBrowser, url: string): Promise<string> {
  browser.outOfReach = /^http:\/\/127\.0\.0\.1:/;
  return (await browser.open(url)).finalUrl;
}

/** Lets the minutes pass in which the user is on that page, one question after the other. */
async function leapUntil(window: BrokerWindow, isSo: () => boolean, byMs = 6_000): Promise<void> {
  await until(() => {
    if (!isSo()) window.clock.leap(byMs);
    return isSo();
  });
}

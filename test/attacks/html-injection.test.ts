import assert from 'node:assert/strict';
import { failedSignIn, refusingRedirect, serversSetting, useGround, userOf } from '../support/ground.js';

const script = '<script>alert(1)</script><img src=x onerror="alert(2)">';

describe('HTML in what a server says', () => {
  const ground = useGround();

  it('is text on the final page when it is the name of an account', async () => {
    const mallory = { subject: 'mallory', name: script, email: `${script}@example.com`, password: 'mallory' };
    const issuer = await ground.issuer({ users: [mallory] });
    const server = await ground.server(issuer);
    const { window } = ground.window({ user: serversSetting([server]) }, userOf('mallory'));
    const { text } = await window.signIn();
    assert.match(text, /You are signed in/);
    assert.doesNotMatch(text, /<script|<img/);
    assert.match(text, /&#60;script&#62;alert\(1\)/);
  });

  it('is text on the final page when it is the description of an error', async () => {
    const refusal = { error: 'server_error', error_description: script };
    const { window } = await ground.signedOut((url, { issuer, browser }) =>
      browser.open(refusingRedirect(issuer, url, refusal)),
    );
    await window.ready;
    await failedSignIn(window, /refused the sign-in/);
    const { text } = (await window.editor.visits[0]) ?? { text: '' };
    assert.match(text, /You are not signed in/);
    assert.doesNotMatch(text, /<script|<img/);
  });

  it('is text on the final page when it is the label of a server; templates are not filled in twice', async () => {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    // Quotes are refused in a label.
    const label = `{{message}}$&${script.replaceAll('"', '')}`;
    const { window } = ground.window({
      user: { 'mcpCredentials.servers': { [label]: { type: 'http', url: server.url } } },
    });
    const { text } = await window.signIn();
    assert.doesNotMatch(text, /<script|<img/);
    assert.equal(text.split('is ready for the MCP server').length, 2);
  });

  it('could not run anyway: the page’s policy forbids scripts, and nobody keeps it', async () => {
    let headers = new Headers();
    const { window } = await ground.signedOut(async (url, { issuer, browser }) => {
      const refusal = { error: 'access_denied', error_description: '' };
      ({ headers } = await fetch(refusingRedirect(issuer, url, refusal)));
      return browser.open('about:blank');
    });
    await window.signIn();
    assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/);
    assert.doesNotMatch(headers.get('content-security-policy') ?? '', /script-src/);
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.equal(headers.get('referrer-policy'), 'no-referrer');
  });
});

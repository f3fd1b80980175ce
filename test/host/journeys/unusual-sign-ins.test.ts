import assert from 'node:assert/strict';
import { startAuthorizationServer } from '../../support/authorization-server.js';
import { publicClient } from '../../support/ground.js';
import { alice } from '../../support/test-users.js';
import { Ground } from '../ground.js';
import { signInOnPage } from '../sign-in-page.js';

const whoami = async (ground: Ground) => ground.editor.invokeTool(await ground.start('tickets', 'whoami'));

describe('an authorization server that registers nobody', () => {
  const secret = 'the-secret-that-the-administrator-gave';
  const ground = new Ground();

  before(async () => {
    const client = {
      ...publicClient('refresh_token'),
      token_endpoint_auth_method: 'client_secret_basic' as const,
      client_secret: secret,
    };
    await ground.open({ tickets: {} }, { issuer: { clients: [client], registration: false } });
  });
  after(() => ground.stop());

  it('asks for the client ID and its secret, and goes on', async () => {
    const { editor } = ground;
    await editor.runCommand('MCP Credentials: Sign In…');
    await editor.inputBox(/enter its client ID/);
    await editor.screenshot('client-id');
    await editor.answerInputBox(/enter its client ID/, 'ours');
    await editor.answerInputBox(/Its client secret/, secret);
    assert.match(await ground.finishSignIn(alice), /You are signed in/);
    assert.equal(await whoami(ground), 'alice@example.com (Alice)');
  });

  it('is not asked for them again, and the secret lies nowhere but in the secret storage', async () => {
    const { editor, issuer } = ground;
    await editor.reload();
    assert.equal(await whoami(ground), 'alice@example.com (Alice)');
    assert.match(await ground.signIn(alice, 'Again as alice@example.com'), /You are signed in/);
    assert.equal(issuer.counts().authorizationRequests, 2);
    assert.deepEqual(await editor.find([secret]), []);
  });
});

describe('a server that names two authorization servers', () => {
  it('lets the user choose one, and remembers which', async () => {
    const other = await startAuthorizationServer({});
    const ground = new Ground();
    await ground.open({ tickets: {} }, { servers: { otherIssuers: [other.issuer] } });
    try {
      const { editor, issuer } = ground;
      const { host } = new URL(issuer.issuer);
      await editor.runCommand('MCP Credentials: Sign In…');
      assert.equal((await editor.quickPickItems()).length, 2);
      await editor.screenshot('two-authorization-servers');
      await editor.pickQuickPick(host);
      assert.match(await ground.finishSignIn(alice), /You are signed in/);
      assert.equal(await whoami(ground), 'alice@example.com (Alice)');
      assert.match(await ground.signIn(alice, 'Again as alice@example.com'), /You are signed in/);
      assert.deepEqual(
        [issuer, other].map((each) => each.counts().authorizationRequests),
        [2, 0],
      );
    } finally {
      await ground.stop();
      await other.close();
    }
  });
});

describe('an editor whose extensions run on another computer than its browser', () => {
  const ground = new Ground();

  before(async () => {
    await ground.open({ tickets: {} }, { editor: { env: { MCP_CREDENTIALS_REDIRECT_VIA: 'auto' } } });
  });
  after(() => ground.stop());

  it('is come back to by its own address, which hands the redirect to the extension', async () => {
    const { editor, issuer } = ground;
    await editor.runCommand('MCP Credentials: Sign In…');
    const page = await editor.nextPage();
    assert.match(await signInOnPage(page, alice, '.message'), /You can close this page/);
    const { origin, pathname, searchParams } = new URL(page.url());
    assert.equal(origin, new URL(editor.page.url()).origin);
    assert.match(pathname, /\/callback$/);
    assert.equal(searchParams.get('vscode-authority'), 'mcp-credential-broker.mcp-credential-broker');
    await page.close();
    await ground.status((item) => item.text.startsWith('alice@example.com'));
    assert.equal(await whoami(ground), 'alice@example.com (Alice)');
    assert.equal(issuer.counts().codesExchanged, 1);
    assert.deepEqual(editor.everyDialog(), []);
  });
});

describe('a browser that does not come back', () => {
  const ground = new Ground();

  before(async () => {
    await ground.open({ tickets: {} });
  });
  after(() => ground.stop());

  it('is left for a code, which one click copies while it opens the page', async () => {
    const { editor } = ground;
    await editor.runCommand('MCP Credentials: Sign In…');
    await (await editor.nextPage()).close();
    await editor.letTimePass(45_000);
    const help = await editor.notification('Having trouble?');
    assert.deepEqual(help.buttons, ['Use a Code', 'Paste Address…', 'Cancel Sign-In']);
    await editor.screenshot('having-trouble');
    await editor.clickNotification('Having trouble?', 'Use a Code');
    const { text } = await editor.notification('enter the code');
    await editor.screenshot('code');
    assert.equal(editor.openedPages.length, 1, 'No page opens without a click.');
    await editor.clickNotification('enter the code', 'Copy Code and Open Page');
    const page = await editor.nextPage();
    assert.match(text, new RegExp(`enter the code ${await editor.clipboard()} at`));
    await page.getByRole('button', { name: 'Continue' }).click();
    assert.match(await signInOnPage(page, alice), /The device is signed in/);
    await ground.status((item) => item.text.startsWith('alice@example.com'));
    assert.equal(await whoami(ground), 'alice@example.com (Alice)');
  });
});

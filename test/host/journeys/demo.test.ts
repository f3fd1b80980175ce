import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';
import { Demo } from '../../demo/demo.js';
import type { DemoServers } from '../../demo/demo-servers.js';
import { alice, bob, type TestUser } from '../../support/test-users.js';
import { provisionChromium } from '../chromium.js';
import { signInOnPage } from '../sign-in-page.js';
import { until } from '../until.js';
import { Workbench } from '../workbench.js';

describe('the tour of the demo', () => {
  const demo = new Demo();
  const ends = [() => demo.stop()];
  let servers: DemoServers;
  let context: BrowserContext;
  let workbench: Workbench;

  before(async () => {
    const started = await demo.start({ embedded: true, browser: false });
    servers = started.servers;
    const profileDir = await mkdtemp(join(tmpdir(), 'mcp-broker-visitor-'));
    ends.push(() => rm(profileDir, { recursive: true, force: true, maxRetries: 5 }));
    context = await chromium.launchPersistentContext(profileDir, {
      executablePath: await provisionChromium(),
      chromiumSandbox: process.getuid?.() !== 0,
      viewport: { width: 1400, height: 900 },
    });
    ends.push(() => context.close());
    const page = context.pages()[0] ?? (await context.newPage());
    await page.goto(started.editor.where);
    workbench = new Workbench(page);
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await workbench.screenshot(this.currentTest.fullTitle());
  });
  after(async () => {
    for (const end of ends.reverse()) await end();
  });

  const opened = (act: () => Promise<void>): Promise<Page> =>
    Promise.all([context.waitForEvent('page'), act()]).then(([page]) => page);

  /** Presses the button of the notification about `server` and signs in where it leads. */
  const signIn = async (server: string, user: TestUser, isAnother = false) => {
    const page = await opened(() => workbench.clickNotification(`“${server}”`, 'Sign In'));
    if (isAnother) await page.getByRole('button', { name: 'Use another account' }).click();
    assert.match(await signInOnPage(page, user), /You are signed in/);
    await page.close();
  };

  const ask = async (question: string): Promise<string> => {
    await workbench.askInChat(question);
    return workbench.chatAnswer();
  };

  const statusBar = () => workbench.statusBarItem('mcpCredentials.status');

  it('begins with the guide, which leads to the control page', async () => {
    const guide = workbench.page.frameLocator('iframe.webview').frameLocator('iframe');
    await guide.getByRole('heading', { name: 'Try it' }).waitFor();
    const controlPage = await opened(() => guide.getByRole('link', { name: 'control page' }).click());
    await controlPage.getByRole('heading', { name: 'Demo control page' }).waitFor();
    assert.equal(controlPage.url(), servers.controlPageUrl);
    await controlPage.close();
  });

  it('asks for a sign-in per server, once somebody has asked', async () => {
    assert.deepEqual(await workbench.notifications(), []);
    // The editor takes a moment to hear of the servers, and until then starts none; whoever asks again gets further.
    await until('notification', async () => {
      await ask('@demo who am I on tickets?');
      await workbench.page.waitForTimeout(1_000);
      return (await workbench.notifications()).length > 0;
    });
    await signIn('tickets', alice);
    await signIn('wiki', bob, true);
    await until('two accounts', async () => (await statusBar()).text.startsWith('2 accounts'));
  });

  it('gives each server its account', async () => {
    assert.match(await ask('@demo who am I on tickets?'), /alice@example\.com/);
    assert.match(await ask('@demo who am I on the wiki?'), /bob@example\.com/);
  });

  it('goes on after the expiry in the same session', async () => {
    const controlPage = await context.newPage();
    await controlPage.goto(servers.controlPageUrl);
    await controlPage.getByRole('button', { name: '5 seconds' }).click();
    await controlPage.getByRole('button', { name: '5 seconds', pressed: true }).waitFor();
    await workbench.page.bringToFront();
    await workbench.runCommand('MCP Credentials: Refresh Now');
    await workbench.pickQuickPick('tickets');
    await until('two renewals', () => servers.issuer.counts('alice').refreshes >= 2);
    assert.match(await ask('@demo who am I on tickets?'), /alice@example\.com/);
    const tickets = servers.mcpServers.find(({ name }) => name === 'tickets');
    assert.equal(tickets?.sessions.length, 1);
    await controlPage.getByRole('cell', { name: 'New token for tickets, for alice' }).first().waitFor();
    await controlPage.close();
  });

  it('lets the question wait after the grant was revoked', async () => {
    const controlPage = await context.newPage();
    await controlPage.goto(servers.controlPageUrl);
    await controlPage.getByRole('button', { name: 'Revoke all grants of alice' }).click();
    await controlPage.close();
    await until('warning', async () => (await statusBar()).background === 'warning');
    await workbench.askInChat('@demo who am I on tickets?');
    await signIn('tickets', alice);
    assert.match(await workbench.chatAnswer(), /alice@example\.com/);
    await until('end of the warning', async () => (await statusBar()).background === 'none');
  });

  it('tells the control page no secret, and takes no order from another site', async () => {
    const state = await (await fetch(`${servers.controlPageUrl}/state`)).text();
    assert.match(state, /alice/);
    for (const secret of servers.issuer.issuedSecrets) assert.ok(!state.includes(secret));
    const order = `${servers.controlPageUrl}/actions/revoke-alice`;
    const answer = await fetch(order, { method: 'POST', headers: { origin: 'https://example.com' } });
    assert.equal(answer.status, 404);
  });
});

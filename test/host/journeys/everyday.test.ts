import assert from 'node:assert/strict';
import { alice } from '../../support/test-users.js';
import type { Finding } from '../evidence.js';
import { Ground } from '../ground.js';
import { until } from '../until.js';

/** An everyday life of 30 seconds, with tokens that live for 5. */
const dayMs = 30_000;
const tokenMs = 5_000;

describe('an everyday life with the packaged extension', () => {
  let ground: Ground;
  let whoami: string;

  before(async () => {
    ground = await Ground.start({ tickets: {} });
  });
  after(() => ground.stop());

  it('is silent before anybody has signed in', async () => {
    const item = await ground.editor.statusBarItem('mcpCredentials.status');
    assert.equal(item.text, 'MCP: signed out');
    assert.deepEqual(await ground.editor.notifications(), []);
    assert.equal(ground.editor.openedPages.length, 0);
  });

  it('signs in from the palette; the browser and the status bar say who', async () => {
    const said = await ground.signIn(alice);
    assert.match(said, /You are signed in\s+alice@example\.com is ready for the MCP server “tickets”/);
    const item = await until('account in the status bar', async () => {
      const shown = await ground.editor.statusBarItem('mcpCredentials.status');
      return shown.text.includes('alice@example.com') ? shown : undefined;
    });
    assert.equal(item.background, 'none');
    await ground.editor.screenshot('signed-in');
  });

  it('gives a tool call the account that signed in', async () => {
    whoami = await ground.start('tickets', 'whoami');
    assert.match(await ground.editor.invokeTool(whoami), /^alice@example\.com/);
  });

  it('keeps calls working in one session across many expiries, with one refresh for each', async () => {
    const { issuer, editor } = ground;
    const before = issuer.counts('alice').refreshes;
    const startedAtMs = Date.now();
    while (Date.now() - startedAtMs < dayMs) assert.match(await editor.invokeTool(whoami), /^alice/);
    const elapsedMs = Date.now() - startedAtMs;

    const { refreshes, refusedRefreshes } = issuer.counts('alice');
    assert.ok(
      refreshes - before >= Math.floor(elapsedMs / tokenMs) - 1,
      `only ${refreshes - before} refreshes`,
    );
    assert.equal(refusedRefreshes, 0);
    const atMs = issuer.events.filter(({ kind }) => kind === 'refreshed').map((event) => event.atMs);
    const gapsMs = atMs.slice(1).map((at, index) => at - (atMs[index] ?? 0));
    assert.ok(Math.min(...gapsMs) > 0.7 * tokenMs, `refreshes only ${Math.min(...gapsMs)} ms apart`);
    assert.equal(ground.server('tickets').sessions.length, 1);
  });

  it('refreshes once for fifty calls at the moment of expiry', async () => {
    const { issuer, editor } = ground;
    const refreshes = () => issuer.events.filter(({ kind }) => kind === 'refreshed');
    const before = refreshes().length;
    const next = await until('refresh', () => refreshes()[before]);
    // The next one is due four fifths into the new token's life; the calls straddle that moment.
    await until('moment of expiry', () => Date.now() > next.atMs + 0.78 * tokenMs);
    const answers = await Promise.all(Array.from({ length: 50 }, () => editor.invokeTool(whoami)));
    await until('refresh', () => refreshes()[before + 1]);
    assert.ok(answers.every((answer) => answer.startsWith('alice@example.com')));
    assert.equal(refreshes().filter(({ atMs }) => atMs > next.atMs && atMs < next.atMs + tokenMs).length, 1);
    assert.equal(issuer.counts().refusedRefreshes, 0);
    assert.equal(ground.server('tickets').sessions.length, 1);
  });

  it('hands a streamed result on event by event', async () => {
    const count = await ground.tool('tickets', 'count');
    const result = await ground.editor.invokeTool(count, { steps: 4, intervalMs: 300 });
    assert.match(result, /4/);
  });

  it('works after a reload without a sign-in, and opens nothing', async () => {
    const { editor, issuer } = ground;
    const pages = editor.openedPages.length;
    const { signIns } = issuer.counts('alice');
    await editor.reload();
    assert.match(await editor.invokeTool(await ground.tool('tickets', 'whoami')), /^alice@example\.com/);
    assert.equal(editor.openedPages.length, pages);
    assert.equal(issuer.counts('alice').signIns, signIns);
    assert.deepEqual(await editor.notifications(), []);
    assert.deepEqual(await editor.dialogs(), []);
  });

  it('works on the next day, after the editor was closed', async () => {
    ground.editor = await ground.editor.reopen();
    assert.match(
      await ground.editor.invokeTool(await ground.tool('tickets', 'whoami')),
      /^alice@example\.com/,
    );
    assert.equal(ground.editor.openedPages.length, 0);
  });

  it('has left no token and no client secret anywhere outside of the secret storage', async () => {
    const { issuedSecrets, authorizationCodes } = ground.issuer;
    assert.ok(issuedSecrets.size > 10);
    const found = await ground.editor.find(issuedSecrets);
    // The browser's own history keeps the redirect, whose one-time code was redeemed long ago.
    const isHistory = ({ where, text }: Finding) =>
      authorizationCodes.has(text) &&
      /^browser\/(Default\/(History|Sessions\/)|segmentation_platform\/)/.test(where);
    assert.deepEqual(
      found.filter((finding) => !isHistory(finding)),
      [],
    );
  });
});

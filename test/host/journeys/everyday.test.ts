import assert from 'node:assert/strict';
import { alice } from '../../support/test-users.js';
import type { Finding } from '../evidence.js';
import { Ground } from '../ground.js';
import { tokenMs } from '../parties.js';
import { until } from '../until.js';

/** Long enough for a few tokens to expire; the suites inside the extension host have more patience. */
const dayMs = 3 * tokenMs;

describe('an everyday life with the packaged extension', () => {
  const ground = new Ground();
  let whoami: string;

  before(async () => {
    await ground.open({ tickets: {} });
  });
  after(() => ground.stop());

  it('is silent before anybody has signed in', async () => {
    const item = await ground.status();
    assert.equal(item.text, 'MCP: signed out');
    assert.deepEqual(await ground.editor.notifications(), []);
    assert.equal(ground.editor.openedPages.length, 0);
  });

  it('signs in from the palette; the browser and the status bar say who', async () => {
    const said = await ground.signIn(alice);
    assert.match(said, /You are signed in\s+alice@example\.com is ready for the MCP server “tickets”/);
    const item = await ground.status(({ text }) => text.includes('alice@example.com'));
    assert.equal(item.background, 'none');
    await ground.editor.screenshot('signed-in');
  });

  it('gives a tool call the account that signed in', async () => {
    whoami = await ground.start('tickets', 'whoami');
    assert.equal(await ground.editor.invokeTool(whoami), 'alice@example.com (Alice)');
  });

  it('keeps calls working in one session across several expiries, with one refresh for each', async () => {
    const { issuer, editor } = ground;
    const [session] = ground.server('tickets').sessions;
    const before = ground.refreshedAtMs().length;
    const endAtMs = Date.now() + dayMs;
    while (Date.now() < endAtMs) assert.match(await editor.invokeTool(whoami), /^alice/);

    const atMs = ground.refreshedAtMs();
    const count = atMs.length - before;
    assert.ok(count >= Math.floor(dayMs / tokenMs) - 1, `only ${count} refreshes`);
    assert.equal(issuer.counts().refusedRefreshes, 0);
    // Due four fifths into the life of a token. A second one for the same token would follow at once.
    const gapsMs = atMs.slice(1).map((at, index) => at - (atMs[index] ?? 0));
    assert.ok(Math.min(...gapsMs) > 0.7 * tokenMs, `refreshes only ${Math.min(...gapsMs)} ms apart`);
    assert.deepEqual(ground.server('tickets').sessions, [session]);
  });

  it('refreshes once for fifty calls that meet an expired token', async () => {
    const { issuer, editor, gate } = ground;
    const [session] = ground.server('tickets').sessions;
    const before = ground.refreshedAtMs();
    gate.close();
    await until('renewal under way', () => gate.waiting > 0);
    const expiresAtMs = Math.max(...before) + tokenMs;
    await until('expired token', () => Date.now() > expiresAtMs);
    const calls = Array.from({ length: 50 }, () => editor.invokeTool(whoami));
    // When the companion has answered this, the calls before are on their way.
    await editor.tools();
    gate.open();
    for (const answer of await Promise.all(calls)) assert.equal(answer, 'alice@example.com (Alice)');
    assert.equal(ground.refreshedAtMs().length - before.length, 1);
    assert.equal(issuer.counts().refusedRefreshes, 0);
    assert.deepEqual(ground.server('tickets').sessions, [session]);
  });

  it('shows a streamed result step by step, the first one before the last is sent', async () => {
    const { editor } = ground;
    const [steps, intervalMs] = [5, 1_000];
    await editor.askInChat(`@demo count ${JSON.stringify({ steps, intervalMs })}`);
    const shown = new Map<number, { readonly sentAtMs: number; readonly shownAtMs: number }>();
    await until('end of the count', async () => {
      const text = (await editor.chatTranscript()).at(-1)?.text ?? '';
      const [, step, sentAtMs] = /Step\s(\d+),\ssent\sat\s(\d+)/.exec(text) ?? [];
      if (step !== undefined && !shown.has(Number(step))) {
        shown.set(Number(step), { sentAtMs: Number(sentAtMs), shownAtMs: Date.now() });
      }
      return text.includes(`Counted to ${steps}.`);
    });
    const first = shown.get(1);
    assert.ok(first !== undefined, 'the first step was never shown');
    const lastSentAtMs = first.sentAtMs + (steps - 1) * intervalMs;
    assert.ok(first.shownAtMs < lastSentAtMs, `shown ${first.shownAtMs - lastSentAtMs} ms after the last`);
    assert.ok(shown.size > 2, `only ${[...shown.keys()].join()} were shown`);
  });

  /** Whatever the user does not ask for happens without a word. */
  async function assertSilent(what: () => Promise<void>): Promise<void> {
    const { issuer } = ground;
    const before = issuer.counts();
    await what();
    const { signIns, authorizationRequests } = issuer.counts();
    assert.deepEqual([signIns, authorizationRequests], [before.signIns, before.authorizationRequests]);
    assert.deepEqual(await ground.editor.notifications(), []);
    assert.deepEqual(ground.editor.everyDialog(), []);
  }

  it('works after a reload without a sign-in, and opens nothing', async () => {
    const { editor } = ground;
    const pages = editor.openedPages.length;
    await assertSilent(async () => {
      await editor.reload();
      assert.match(await editor.invokeTool(await ground.tool('tickets', 'whoami')), /^alice@example\.com/);
    });
    assert.equal(editor.openedPages.length, pages);
  });

  it('outlives a reload in the middle of a renewal, and asks nobody', async () => {
    const { editor, gate } = ground;
    await assertSilent(async () => {
      gate.close();
      await until('renewal under way', () => gate.waiting > 0);
      const renewals = ground.refreshedAtMs().length;
      const reloaded = editor.reload();
      await editor.page.waitForEvent('framenavigated');
      gate.open();
      await reloaded;
      assert.ok(ground.refreshedAtMs().length > renewals);
      assert.match(await editor.invokeTool(await ground.tool('tickets', 'whoami')), /^alice@example\.com/);
    });
    assert.equal(ground.issuer.counts().refusedRefreshes, 0);
  });

  it('works on the next day, after the editor was closed', async () => {
    await assertSilent(async () => {
      ground.editor = await ground.editor.reopen();
      const name = await ground.tool('tickets', 'whoami');
      assert.match(await ground.editor.invokeTool(name), /^alice@example\.com/);
    });
    assert.equal(ground.editor.openedPages.length, 0);
  });

  it('has left no token and no client secret anywhere outside of the secret storage', async () => {
    const { issuedSecrets, authorizationCodes } = ground.issuer;
    assert.ok(issuedSecrets.size > 10);
    const stored = Object.values(await ground.editor.secrets()).join();
    assert.ok(
      [...issuedSecrets].some((secret) => stored.includes(secret)),
      'the secret storage has none',
    );

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

  it('has put one secret into the stored definitions, worth nothing elsewhere, and that one nowhere else', async () => {
    const definitions = await ground.editor.storedDefinitions();
    assert.match(definitions, /"label":"tickets"/);
    assert.ok([...ground.issuer.issuedSecrets].every((secret) => !definitions.includes(secret)));
    const [, capability] = /"Bearer ([\w-]+)"/.exec(definitions) ?? [];
    assert.ok(capability !== undefined);
    const found = await ground.editor.find([capability]);
    const isBrowser = ({ where }: Finding) => /^browser( storage$|\/)/.test(where);
    assert.ok(found.some(isBrowser));
    assert.deepEqual(
      found.filter((finding) => !isBrowser(finding)),
      [],
    );
  });
});

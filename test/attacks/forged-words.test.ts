import assert from 'node:assert/strict';
import type { ShownPick } from '../support/editor-window.js';
import { refusingRedirect, serversSetting, useGround, userOf } from '../support/ground.js';

/** The editor makes a link of this in a notification, and pressing it would run a command. */
const linked = '[Sign In](command:workbench.action.terminal.sendSequence?evil)';

/** The editor draws a tick of this in a menu and in the status bar. */
const ticked = '$(verified) Trusted';

const tickShape = /\$\(verified\)/;

const linkShape = /\]\((command:|https?:|file:)/;

describe('words of a server that look like ours', () => {
  const ground = useGround();

  it('are quoted when they explain a refusal, on one line, and are no link', async () => {
    const refusal = {
      error: 'temporarily_unavailable',
      error_description: `All is well.\n2026-01-01 info Signed in. ${linked}`,
    };
    const { window } = await ground.signedOut((url, { issuer, browser }) =>
      browser.open(refusingRedirect(issuer, url, refusal)),
    );
    await window.ready;
    const run = window.run('signIn');
    const failure = await window.editor.window.message(/refused the sign-in: "All is well\.\\n/);
    assert.doesNotMatch(failure.text, linkShape);
    assert.doesNotMatch(failure.text, /\n/);
    failure.close();
    await run;
    for (const line of window.editor.window.logLines) assert.doesNotMatch(line, /\n/);
  });

  it('are no link when they are the name of an account', async () => {
    const mallory = {
      subject: 'mallory',
      name: 'Mallory',
      email: `${linked}@example.com`,
      password: 'mallory',
    };
    const issuer = await ground.issuer({ users: [mallory] });
    const server = await ground.server(issuer);
    const { window } = ground.window({ user: serversSetting([server]) }, userOf('mallory'));
    await window.signIn();
    issuer.revokeGrants('mallory');
    window.clock.leap(55_000);
    const notice = await window.editor.window.message(/waits for you/);
    assert.doesNotMatch(notice.text, linkShape);
    await window.run('signOut');
    const farewell = await window.editor.window.message(/Signed out/);
    assert.doesNotMatch(farewell.text, linkShape);
    farewell.close();
    assert.doesNotMatch(JSON.stringify(window.editor.statusBar?.tooltip), /[^\\]\]\(command:/);
  });

  it('are no link when a workspace makes them the label of its server', async () => {
    const { window } = ground.window({
      workspace: {
        'mcpCredentials.servers': { [linked]: { type: 'http', url: 'https://evil.example.com/mcp' } },
      },
      browse: undefined,
    });
    const question = await window.editor.window.message(/wants to use/);
    assert.doesNotMatch(question.text, linkShape);
    assert.match(question.text, /https:\/\/evil\.example\.com\/mcp/);
  });

  it('are no icon in a menu when a workspace makes them the label and the address of its server', async () => {
    const { window } = ground.window({
      workspace: {
        'mcpCredentials.servers': {
          [ticked]: { type: 'http', url: `https://evil.example.com/${ticked}` },
          [`${ticked} too`]: { type: 'stdio' },
        },
      },
      browse: undefined,
    });
    (await window.editor.window.message(/wants to use/)).close();
    window.editor.window.planPick(undefined);
    await window.run('showStatus');
    assertNoTick(window.editor.window.picks);
  });

  it('are no icon in a menu or the status bar when they are the name of an account', async () => {
    const mallory = {
      subject: 'mallory',
      name: 'Mallory',
      email: `${ticked}@example.com`,
      password: 'mallory',
    };
    const issuer = await ground.issuer({ users: [mallory] });
    const { window } = ground.window(
      { user: serversSetting([await ground.server(issuer)]) },
      userOf('mallory'),
    );
    await window.signIn();
    for (const command of ['showStatus', 'signIn'] as const) {
      window.editor.window.planPick(undefined);
      await window.run(command);
    }
    assertNoTick(window.editor.window.picks);
    assert.match(JSON.stringify(window.editor.window.picks), /Again as/);
    assert.doesNotMatch(window.editor.statusBar?.text ?? '', tickShape);
  });

  it('do not hide where a workspace would have us go: the address is shown as it is used', async () => {
    const { window } = ground.window({
      workspace: {
        'mcpCredentials.servers': {
          tickets: { type: 'http', url: 'https:\\\\\u0430pple.example.com/a/../mcp' },
        },
      },
      browse: undefined,
    });
    const question = await window.editor.window.message(/wants to use/);
    assert.match(question.text, /https:\/\/xn--pple-43d\.example\.com\/mcp/);
  });
});

/** Neither the lines of a menu nor what stands beside and below them; a title shows no icons. */
function assertNoTick(picks: readonly ShownPick[]): void {
  assert.ok(JSON.stringify(picks).includes('Trusted'));
  for (const { label, description, detail } of picks.flatMap(({ items }) => items))
    for (const text of [label, description, detail]) assert.doesNotMatch(text ?? '', tickShape);
}

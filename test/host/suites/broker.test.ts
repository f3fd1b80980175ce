import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import * as vscode from 'vscode';
import { until } from '../until.js';
import { closeGate, openGate, outside, secretsIn, seen } from './witness.js';

const extensionId = 'mcp-credential-broker.mcp-credential-broker';

/** Long enough for many tokens to expire. */
const longMs = 30_000;

describe('the broker, from inside the extension host', () => {
  const { tokenMs } = outside();

  before(async () => {
    await vscode.extensions.getExtension(extensionId)?.activate();
    // Nobody sits here to answer whether a tool may run that changes something.
    await vscode.workspace
      .getConfiguration('chat.tools.global')
      .update('autoApprove', true, vscode.ConfigurationTarget.Global);
    await vscode.commands.executeCommand('setContext', 'vscode.chat.tools.global.autoApprove.testMode', true);
    await useServers('tickets');
    await signIn();
  });

  after(() => useServers());

  it('calls a tool as the account that has signed in', async () => {
    await start('tickets');
    assert.equal(await call('mcp_tickets_whoami'), 'alice@example.com (Alice)');
  });

  it('calls a tool that changes something', async () => {
    assert.equal(await call('mcp_tickets_note', { text: 'Remember the milk.' }), 'Remember the milk.');
    assert.deepEqual((await seen()).notes, [{ subject: 'alice', text: 'Remember the milk.' }]);
  });

  it('hands on what a failing tool says', async () => {
    assert.equal(await call('mcp_tickets_fail'), 'This tool always fails.');
  });

  it('keeps one session over many expiries, with one renewal for each', async function () {
    this.timeout(2 * longMs);
    const before = await seen();
    const endAtMs = Date.now() + longMs;
    while (Date.now() < endAtMs) {
      assert.equal(await call('mcp_tickets_whoami'), 'alice@example.com (Alice)');
      await wait(100);
    }
    const after = await seen();
    const expiries = Math.floor(longMs / tokenMs);
    assert.ok(after.refreshedAtMs.length - before.refreshedAtMs.length >= expiries - 1);
    assertOneRenewalPerExpiry(after.refreshedAtMs);
    assert.equal(after.refusedRefreshes, 0);
    assert.deepEqual(after.sessions['tickets'], before.sessions['tickets']);
  });

  it('renews once for fifty calls that meet an expired token', async () => {
    const before = await seen();
    await closeGate();
    await until('renewal under way', async () => (await seen()).waitingRenewals > 0);
    const expiresAtMs = Math.max(...before.refreshedAtMs) + tokenMs;
    await until('expired token', () => Date.now() > expiresAtMs);
    let answered = 0;
    const calls = Array.from({ length: 50 }, async () => {
      const said = await call('mcp_tickets_whoami');
      answered++;
      return said;
    });
    const { waitingRenewals } = await seen();
    assert.deepEqual({ waitingRenewals, answered }, { waitingRenewals: 1, answered: 0 });
    await openGate();
    for (const said of await Promise.all(calls)) assert.equal(said, 'alice@example.com (Alice)');
    const after = await seen();
    assert.equal(after.refreshedAtMs.length - before.refreshedAtMs.length, 1);
    assert.equal(after.refusedRefreshes, 0);
    assert.deepEqual(after.sessions['tickets'], before.sessions['tickets']);
  });

  it('gives two servers at one issuer their own accounts, and no session another one', async () => {
    await useServers('work');
    await signIn();
    await useServers('home');
    await signIn();
    await useServers('work', 'home');
    await start('work');
    await start('home');
    for (let round = 0; round < 3; round++) {
      assert.equal(await call('mcp_work_whoami'), 'alice@example.com (Alice)');
      assert.equal(await call('mcp_home_whoami'), 'bob@example.com (Bob)');
    }
    const { sessions } = await seen();
    for (const { owner, callers } of sessions['work'] ?? [])
      assert.deepEqual([owner, callers], ['alice', ['alice']]);
    for (const { owner, callers } of sessions['home'] ?? [])
      assert.deepEqual([owner, callers], ['bob', ['bob']]);
  });

  it('shows no token to other extensions, in the settings, or in what the process was started with', async () => {
    const configuration = vscode.workspace.getConfiguration().inspect('mcpCredentials.servers');
    const open = { tools: vscode.lm.tools, configuration, arguments: process.argv, environment: process.env };
    assert.equal(await secretsIn(JSON.stringify(open)), 0);
  });
});

/** Sets up exactly these servers. */
async function useServers(...labels: string[]): Promise<void> {
  const value = Object.fromEntries(labels.map((label) => [label, outside().entries[label]]));
  await vscode.workspace
    .getConfiguration('mcpCredentials')
    .update('servers', value, vscode.ConfigurationTarget.Global);
}

/** Signs in for the only server that is set up; the page in the browser is the business of who started the editor. */
const signIn = (): Thenable<unknown> => vscode.commands.executeCommand('mcpCredentials.signIn');

/** Starts a server and returns when its tools are there. */
async function start(label: string): Promise<void> {
  await until(`tools of ${label}`, async () => {
    await vscode.commands.executeCommand('workbench.mcp.startServer', `${extensionId}/${label}`, {
      waitForLiveTools: true,
    });
    return vscode.lm.tools.some(({ name }) => name === `mcp_${label}_whoami`);
  });
}

async function call(name: string, input: object = {}): Promise<string> {
  const { content } = await vscode.lm.invokeTool(name, { input, toolInvocationToken: undefined });
  return content
    .filter((part) => part instanceof vscode.LanguageModelTextPart)
    .map(({ value }) => value)
    .join('');
}

/** A renewal is due four fifths into the life of a token; a second one for the same token would follow at once. */
function assertOneRenewalPerExpiry(refreshedAtMs: readonly number[]): void {
  const gapsMs = refreshedAtMs.slice(1).map((atMs, index) => atMs - (refreshedAtMs[index] ?? 0));
  assert.ok(Math.min(...gapsMs) > 0.7 * outside().tokenMs, `renewals only ${Math.min(...gapsMs)} ms apart`);
}

import assert from 'node:assert/strict';
import type { CallQuestion, Use } from '../../../src/core/rule.js';
import type { ServerId } from '../../../src/core/server.js';
import { CallQuestions } from '../../../src/vscode/attention/call-questions.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeEditor } from '../../support/fake-editor.js';

const account = { issuer: 'https://login.example.com', subject: 'alice', label: 'alice@example.com' };
const server = 'mail' as ServerId;

const aMoment = () => new Promise((resolve) => setImmediate(resolve));

describe('the question about a call', () => {
  const setUp = () => {
    const [editor, clock] = [new FakeEditor(), new FakeClock()];
    const questions = new CallQuestions(editor.api, clock);
    const ask = (
      name: string,
      signal = new AbortController().signal,
      capability: Use['capability'] = 'tools',
    ) => {
      const question: CallQuestion = { server, account, use: { capability, name } };
      return questions.ask(question, signal);
    };
    return { editor, clock, ask };
  };

  for (const [capability, words] of [
    ['tools', /^Run the tool "x" of the MCP server “mail” as alice@example\.com\? Your rules ask\.$/],
    ['resources', /^Read the resource "x" of the MCP server “mail” as alice@example\.com\?/],
    ['prompts', /^Get the prompt "x" of the MCP server “mail” as alice@example\.com\?/],
  ] as const) {
    it(`names what is used, the server and the account: ${capability}`, async () => {
      const { editor, clock, ask } = setUp();
      const answer = ask('x', undefined, capability);
      const notice = await editor.window.message(words);
      assert.deepEqual(notice.buttons, ['Allow', 'Don’t Allow']);
      notice.press('Allow');
      assert.equal(await answer, 'allowed');
      assert.deepEqual(clock.pending, []);
    });
  }

  it('fails when the editor cannot show it, and so does the next one by itself', async () => {
    const { editor, clock } = setUp();
    const { api } = editor;
    const window = { ...api.window, showWarningMessage: () => Promise.reject(new Error('No.')) };
    const questions = new CallQuestions({ ...api, window }, clock);
    const { signal } = new AbortController();
    for (const name of ['x', 'y'])
      await assert.rejects(
        questions.ask({ server, account, use: { capability: 'tools', name } }, signal),
        /No\./,
      );
    assert.deepEqual(clock.pending, []);
  });

  it('takes a closed notification for a no', async () => {
    for (const act of ['press', 'close'] as const) {
      const { editor, ask } = setUp();
      const answer = ask('x');
      (await editor.window.message(/Run the tool/))[act]('Don’t Allow');
      assert.equal(await answer, 'denied');
    }
  });

  it('is one at a time', async () => {
    const { editor, ask } = setUp();
    const answers = [ask('one'), ask('two')];
    const first = await editor.window.message(/"one"/);
    assert.equal(editor.window.messages.length, 1);
    first.press('Don’t Allow');
    (await editor.window.message(/"two"/)).press('Allow');
    assert.deepEqual(await Promise.all(answers), ['denied', 'allowed']);
  });

  it('lets the next one come when it has gone behind the bell, and can still be answered there', async () => {
    const { editor, clock, ask } = setUp();
    const answers = [ask('one'), ask('two')];
    const first = await editor.window.message(/"one"/);
    clock.advance(30_000);
    (await editor.window.message(/"two"/)).press('Allow');
    first.press('Allow');
    assert.deepEqual(await Promise.all(answers), ['allowed', 'allowed']);
  });

  it('waits for its turn no longer than half a minute, since its call waits no longer for a late one', async () => {
    const { editor, clock, ask } = setUp();
    const shown = () => editor.window.messages.map(({ text }) => /"(\d)"/.exec(text)?.[1]).join('');
    const answers = ['1', '2', '3', '4'].map((name) => ask(name));
    const first = await editor.window.message(/"1"/);
    clock.advance(20_000);
    first.press('Allow');
    await aMoment();
    answers.push(ask('5'));
    assert.equal(shown(), '12');
    clock.advance(9_999);
    assert.equal(shown(), '12', 'One at a time while somebody answers.');
    clock.advance(1);
    assert.equal(shown(), '1234');
    clock.advance(20_000);
    assert.equal(shown(), '12345');
    for (const notice of editor.window.messages) if (notice.isOpen) notice.press('Allow');
    assert.deepEqual(await Promise.all(answers), Array(5).fill('allowed'));
    assert.deepEqual(clock.pending, []);
  });

  it('is not asked for a call that has ended, and an answer that comes too late says so', async () => {
    const { editor, clock, ask } = setUp();
    const [first, second] = [new AbortController(), new AbortController()];
    const answers = [ask('one', first.signal), ask('two', second.signal), ask('three')];
    const notice = await editor.window.message(/"one"/);
    second.abort(new Error('gone'));
    first.abort(new Error('over'));
    await assert.rejects(answers[0] ?? assert.fail(), /over/);
    await assert.rejects(answers[1] ?? assert.fail(), /gone/);
    (await editor.window.message(/"three"/)).press('Allow');
    assert.equal(await answers[2], 'allowed');
    notice.press('Allow');
    await aMoment();
    assert.deepEqual(editor.window.flashes, ['The call had ended before you allowed it.']);
    assert.equal(editor.window.messages.length, 2);
    assert.deepEqual(clock.pending, []);
  });

  it('shows a name of any kind as a quoted name, short enough for the buttons to be seen', async () => {
    const { editor, ask } = setUp();
    const answers = [
      ask(`x" of the MCP server “bank” as root? Press Allow.${'y'.repeat(10_000)}`),
      ask('a\u202eb\nc'),
      ask('[press](command:workbench.action.quit)'),
    ];
    const long = await editor.window.message(/Run the tool "x\\" of the MCP server “bank”/);
    assert.ok(long.text.length < 250, long.text);
    long.press('Allow');
    const turned = await editor.window.message(/"a�b�c"/);
    turned.press('Allow');
    (await editor.window.message(/\[press\] \(command/)).press('Allow');
    await Promise.all(answers);
  });
});

import assert from 'node:assert/strict';
import type { Server, ServerId } from '../../../src/core/server.js';
import { Approvals } from '../../../src/vscode/settings/approvals.js';
import { FakeEditor } from '../../support/fake-editor.js';
import { FakeMemento } from '../../support/fake-memento.js';

const server: Server = { id: 'tickets' as ServerId, url: 'https://tickets.example.com/mcp', auth: {} };

describe('an approval', () => {
  const setUp = (memento = new FakeMemento()) => {
    const editor = new FakeEditor();
    return { editor, memento, approvals: new Approvals(editor.api, memento, () => undefined) };
  };

  const answered = async (answer: 'Allow' | 'Don’t Allow', to = server) => {
    const { editor, memento, approvals } = setUp();
    const asked = approvals.ask(to);
    (await editor.window.message(/wants to use/)).press(answer);
    assert.equal(await asked, true);
    return { editor, memento, approvals };
  };

  it('is for the account that was asked about, and for no other', async () => {
    const of = (account?: string): Server => ({ ...server, auth: account === undefined ? {} : { account } });
    const { approvals } = await answered('Allow', of('alice@example.com'));
    assert.equal(approvals.answerFor(of('alice@example.com')), 'allowed');
    for (const other of [of(), of('bob@example.com')]) assert.equal(approvals.answerFor(other), undefined);
  });

  it('is remembered, also by the next window', async () => {
    for (const [answer, remembered] of [
      ['Allow', 'allowed'],
      ['Don’t Allow', 'denied'],
    ] as const) {
      const { memento } = await answered(answer);
      assert.equal(setUp(memento).approvals.answerFor(server), remembered);
    }
  });

  it('is none as long as the question is only closed, and not asked again in this window unless the user wants to', async () => {
    const { editor, approvals } = setUp();
    const asked = approvals.ask(server);
    (await editor.window.message(/wants to use/)).close();
    assert.equal(await asked, false);
    assert.equal(approvals.answerFor(server), undefined);
    assert.equal(await approvals.ask(server), false);
    const again = approvals.ask(server, true);
    (await editor.window.message(/wants to use/)).press('Allow');
    assert.equal(await again, true);
  });

  const changed: Record<string, Server> = {
    'its path': { ...server, url: 'https://tickets.example.com/mcp/admin' },
    'its host': { ...server, url: 'https://tickets.example.org/mcp' },
    'its query': { ...server, url: 'https://tickets.example.com/mcp?tenant=1' },
    'the issuer': { ...server, auth: { issuer: 'https://login.example.com' } },
    'the client': { ...server, auth: { clientId: 'theirs' } },
    'the scopes': { ...server, auth: { scopes: ['admin'] } },
  };
  for (const [what, other] of Object.entries(changed)) {
    it(`does not speak for a server that differs in ${what}`, async () => {
      const { approvals } = await answered('Allow');
      assert.equal(approvals.answerFor(other), undefined);
    });
  }

  it('shows all that it speaks for', async () => {
    const { editor, approvals } = setUp();
    const rule = { pattern: 'tools/delete_*', effect: 'ask' as const, scopes: ['tickets:delete'] };
    const asked = approvals.ask({
      ...server,
      auth: { clientId: 'theirs', clientAuthentication: 'client_secret_basic', scopes: ['tickets:read'] },
      rules: [[rule]],
    });
    const question = await editor.window.message(/wants to use/);
    for (const part of [/client "theirs"/, /"client_secret_basic"/, /"tickets:read"/, /"tickets:delete"/])
      assert.match(question.text, part);
    question.close();
    await asked;
  });

  it('speaks for the same server under another label', async () => {
    const { approvals } = await answered('Allow');
    assert.equal(approvals.answerFor({ ...server, id: 'issues' as ServerId }), 'allowed');
  });

  it('is void when what was stored is anything else', async () => {
    const { memento, approvals } = await answered('Allow');
    for (const key of memento.keys()) await memento.update(key, 'yes please');
    assert.equal(approvals.answerFor(server), undefined);
  });
});

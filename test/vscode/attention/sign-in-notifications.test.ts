import assert from 'node:assert/strict';
import type { Broker } from '../../../src/broker/broker.js';
import type { StepUp } from '../../../src/broker/state/step-ups.js';
import type { SignInWanted } from '../../../src/broker/wants.js';
import { Announcer } from '../../../src/core/announcer.js';
import type { ServerId } from '../../../src/core/server.js';
import type { CredentialState } from '../../../src/core/state.js';
import { SignInNotifications } from '../../../src/vscode/attention/sign-in-notifications.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeEditor } from '../../support/fake-editor.js';

const [tickets, wiki] = ['tickets' as ServerId, 'wiki' as ServerId];
const account = { issuer: 'https://login.example.com', subject: 'alice', label: 'alice@example.com' };
const dead: CredentialState = { kind: 'needs-sign-in', account, reason: 'revoked' };

/** As much of the broker as the notifications look at: states, and what it announces. */
class States {
  readonly #states = new Map<ServerId, CredentialState>();
  readonly #changes = new Announcer<undefined>(assert.ifError);
  readonly #wants = new Announcer<SignInWanted>(assert.ifError);

  readonly broker = {
    servers: () => this.servers.map((id) => ({ id })),
    state: (id: ServerId) => this.#states.get(id) ?? { kind: 'signed-out' },
    stepUp: (id: ServerId) => this.stepUps.get(id),
    onDidChange: (listener: () => void) => this.#changes.listen(listener),
    onSignInWanted: (listener: (wanted: SignInWanted) => void) => this.#wants.listen(listener),
  } as unknown as Broker;

  readonly stepUps = new Map<ServerId, StepUp>();
  servers: readonly ServerId[] = [tickets, wiki];

  configure(...servers: readonly ServerId[]): void {
    this.servers = servers;
    this.#changes.announce(undefined);
  }

  become(id: ServerId, state: CredentialState): void {
    this.#states.set(id, state);
    this.#changes.announce(undefined);
  }

  want(server: ServerId, cause = 'the first failure', isCall = false): void {
    this.#wants.announce({ server, cause, isCall });
  }
}

const aMoment = () => new Promise((resolve) => setImmediate(resolve));

describe('the notification that asks for a sign-in', () => {
  const setUp = () => {
    const editor = new FakeEditor();
    const states = new States();
    const signedIn: ServerId[] = [];
    const clock = new FakeClock();
    const chosen: ServerId[] = [];
    // What a click leads to goes on until the test ends it.
    const underWay: (() => void)[] = [];
    const begin = () => new Promise<void>((resolve) => underWay.push(resolve));
    const storage = {
      health: { backend: 'secretStorage', condition: { kind: 'works' }, setAside: 0 },
    } as const;
    const notifications = new SignInNotifications(editor.api, states.broker, storage, clock, {
      signIn: (server, who) => {
        assert.equal(who, 'same');
        signedIn.push(server);
        return begin();
      },
      chooseAccount: (server) => {
        chosen.push(server);
        return begin();
      },
    });
    const endAction = async () => {
      underWay.shift()?.();
      await aMoment();
    };
    return { editor, states, signedIn, chosen, notifications, clock, endAction };
  };

  it('comes once for each cause', async () => {
    const { editor, states } = setUp();
    states.become(tickets, dead);
    states.want(tickets);
    states.want(tickets);
    (await editor.window.message(/was revoked\. The MCP server “tickets” waits/)).close();
    states.want(tickets);
    await aMoment();
    assert.equal(editor.window.messages.length, 1);
    states.want(tickets, 'the next failure');
    (await editor.window.message(/“tickets” waits/)).close();
  });

  it('names a client that its authorization server refuses, says what to do, and goes when it is mended', async () => {
    const { editor, states, signedIn } = setUp();
    const code = 'client_refused';
    const retrying = { kind: 'retrying', account, nextAttemptAtMs: 0, code, refusedClient: 'ours' } as const;
    states.become(tickets, retrying);
    states.want(tickets);
    states.want(tickets);
    const text =
      /login\.example\.com refuses the client “ours”.*the sign-in is kept\. Have the client fixed there, or sign in/;
    (await editor.window.message(text)).press('Sign In');
    await aMoment();
    assert.deepEqual(signedIn, [tickets]);
    assert.equal(editor.window.messages.length, 1);
    states.become(wiki, retrying);
    states.become(wiki, { kind: 'ready', account });
    states.want(wiki);
    await aMoment();
    assert.equal(editor.window.messages.length, 1);
  });

  it('comes again after it was closed when one more call waits, and with nothing else', async () => {
    const { editor, states, signedIn } = setUp();
    const call = () => states.want(tickets, 'the first failure', true);
    states.become(tickets, dead);
    call();
    const first = await editor.window.message(/“tickets” waits/);
    call();
    first.close();
    await aMoment();
    states.want(tickets);
    await aMoment();
    assert.equal(editor.window.messages.length, 1);
    call();
    call();
    (await editor.window.message(/“tickets” waits/)).press('Sign In');
    await aMoment();
    call();
    await aMoment();
    assert.deepEqual([editor.window.messages.length, signedIn], [2, [tickets]]);
  });

  for (const [button, state] of [
    ['Sign In', dead],
    ['Choose Account…', { kind: 'signed-out', mustChoose: true }],
  ] as const) {
    it(`comes again when one more call waits and the click on “${button}” has come to nothing, and not before`, async () => {
      const { editor, states, endAction } = setUp();
      const call = () => states.want(tickets, 'the first failure', true);
      states.become(tickets, state);
      call();
      (await editor.window.message(/“tickets”/)).press(button);
      await aMoment();
      call();
      await aMoment();
      assert.equal(editor.window.messages.length, 1, 'What the click has led to goes on.');
      await endAction();
      states.want(tickets);
      await aMoment();
      assert.equal(editor.window.messages.length, 1, 'No call waits.');
      call();
      call();
      (await editor.window.message(/“tickets”/)).press(button);
      await endAction();
      assert.equal(editor.window.messages.length, 2);
    });
  }

  it('comes again after it was pressed while another sign-in was under way, when that has come to nothing', async () => {
    const { editor, states, signedIn } = setUp();
    const call = () => states.want(tickets, 'the first failure', true);
    states.become(tickets, dead);
    call();
    const first = await editor.window.message(/“tickets” waits/);
    states.become(tickets, { kind: 'signing-in' });
    first.press('Sign In');
    await aMoment();
    states.become(tickets, dead);
    call();
    (await editor.window.message(/“tickets” waits/)).close();
    assert.deepEqual(signedIn, []);
  });

  it('names the permissions that a call needs, quoted, and asks to allow them', async () => {
    const { editor, states, signedIn } = setUp();
    states.become(tickets, { kind: 'ready', account });
    states.stepUps.set(tickets, {
      account,
      missing: ['a', '[b](command:x)'],
      scopes: ['a', '[b](command:x)'],
    });
    states.want(tickets);
    const notice = await editor.window.message(/needs more permissions of alice@example\.com: "a", "\[b\]/);
    notice.press('Allow…');
    await aMoment();
    assert.deepEqual(signedIn, [tickets]);
  });

  it('comes for one server after the other', async () => {
    const { editor, states, signedIn } = setUp();
    states.want(tickets);
    states.want(wiki);
    const first = await editor.window.message(/“tickets” needs you to sign in/);
    await aMoment();
    assert.equal(editor.window.messages.length, 1);
    first.press('Sign In');
    (await editor.window.message(/“wiki” needs you to sign in/)).press('Sign In');
    await aMoment();
    assert.deepEqual(signedIn, [tickets, wiki]);
  });

  it('makes room when its sign-in has come in another way, and then does nothing any more', async () => {
    const { editor, states, signedIn } = setUp();
    states.want(tickets);
    states.want(wiki);
    const first = await editor.window.message(/“tickets”/);
    states.become(tickets, { kind: 'ready', account });
    (await editor.window.message(/“wiki”/)).close();
    first.press('Sign In');
    await aMoment();
    assert.deepEqual(signedIn, []);
  });

  it('makes room when its server is taken out of the settings, and signs in for nothing then', async () => {
    const { editor, states, signedIn } = setUp();
    states.want(tickets);
    states.want(wiki);
    const first = await editor.window.message(/“tickets”/);
    states.configure(wiki);
    (await editor.window.message(/“wiki”/)).close();
    first.press('Sign In');
    await aMoment();
    assert.deepEqual(signedIn, []);
    states.configure(tickets, wiki);
    states.want(tickets, undefined, true);
    (await editor.window.message(/“tickets”/)).press('Sign In');
    await aMoment();
    assert.deepEqual(signedIn, [tickets]);
  });

  it('makes room when nobody answers it, and can still be answered', async () => {
    const { editor, states, signedIn, clock } = setUp();
    states.want(tickets);
    states.want(wiki);
    const first = await editor.window.message(/“tickets”/);
    clock.advance(29_999);
    await aMoment();
    assert.equal(editor.window.messages.length, 1);
    clock.advance(1);
    (await editor.window.message(/“wiki”/)).close();
    first.press('Sign In');
    await aMoment();
    assert.deepEqual(signedIn, [tickets]);
    assert.deepEqual(clock.pending, []);
  });

  it('does not come when its turn is too late', async () => {
    const { editor, states } = setUp();
    states.want(tickets);
    states.want(wiki);
    const first = await editor.window.message(/“tickets”/);
    states.become(wiki, { kind: 'signing-in' });
    first.close();
    await aMoment();
    assert.equal(editor.window.messages.length, 1);
  });

  it('still comes when something is wrong after it was wanted while nothing was', async () => {
    const { editor, states } = setUp();
    states.become(tickets, { kind: 'ready', account });
    states.want(tickets);
    await aMoment();
    assert.equal(editor.window.messages.length, 0);
    states.become(tickets, dead);
    states.want(tickets);
    (await editor.window.message(/was revoked\. The MCP server “tickets” waits/)).close();
  });

  it('asks for a choice when several accounts fit', async () => {
    const { editor, states, signedIn, chosen } = setUp();
    states.become(tickets, { kind: 'signed-out', mustChoose: true });
    states.want(tickets);
    const notice = await editor.window.message(/^Several of your accounts fit the MCP server “tickets”\.$/);
    assert.deepEqual(notice.buttons, ['Choose Account…']);
    notice.press('Choose Account…');
    await aMoment();
    assert.deepEqual([signedIn, chosen], [[], [tickets]]);
  });

  it('leaves no timer at the end of the window', async () => {
    const { editor, states, notifications, clock } = setUp();
    states.want(tickets);
    await editor.window.message(/“tickets”/);
    notifications.dispose();
    assert.deepEqual(clock.pending, []);
  });

  it('comes no more after the end of the window', async () => {
    const { editor, states, notifications } = setUp();
    notifications.dispose();
    states.want(tickets);
    await aMoment();
    assert.equal(editor.window.messages.length, 0);
  });
});

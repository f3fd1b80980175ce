import assert from 'node:assert/strict';
import { Announcer } from '../../../src/core/announcer.js';
import type { ServerId } from '../../../src/core/server.js';
import type { CredentialState } from '../../../src/core/state.js';
import type { VSCode } from '../../../src/vscode/editor/api.js';
import { FailedStarts } from '../../../src/vscode/definitions/failed-starts.js';
import { FakeClock } from '../../support/fake-clock.js';
import { RecordingLog } from '../../support/recording-log.js';

describe('a start that failed because nobody was signed in', () => {
  const notes = 'notes' as ServerId;
  const account = { issuer: 'https://i', subject: 'a', label: 'a' };
  let state: CredentialState;
  let commands: string[];
  let clock: FakeClock;
  let starts: FailedStarts;
  let changes: Announcer<undefined>;

  beforeEach(() => {
    [state, commands, clock] = [{ kind: 'signed-out' }, [], new FakeClock()];
    changes = new Announcer<undefined>(assert.ifError);
    const executeCommand = (...args: string[]) => {
      commands.push(args.join(' '));
      return Promise.reject(new Error('There is no such command.'));
    };
    starts = new FailedStarts({
      vs: { commands: { executeCommand } } as unknown as VSCode,
      broker: { state: () => state, onDidChange: (listener) => changes.listen(listener) },
      clock,
      log: new RecordingLog(),
      extensionId: 'Publisher.name',
    });
  });
  afterEach(() => {
    starts.dispose();
    assert.deepEqual(clock.pending, []);
  });

  const become = (next: CredentialState) => {
    state = next;
    changes.announce(undefined);
  };

  it('is made up for once, after the sign-in', () => {
    starts.note(notes);
    become({ kind: 'signing-in' });
    clock.advance(10_000);
    assert.deepEqual(commands, []);
    become({ kind: 'ready', account });
    become({ kind: 'ready', account });
    clock.advance(10_000);
    become({ kind: 'ready', account });
    clock.advance(10_000);
    assert.deepEqual(commands, ['workbench.mcp.startServer publisher.name/notes']);
  });

  it('is not made up for after the end of the window', () => {
    starts.note(notes);
    become({ kind: 'ready', account });
    starts.dispose();
    clock.advance(10_000);
    assert.deepEqual(commands, []);
  });
});

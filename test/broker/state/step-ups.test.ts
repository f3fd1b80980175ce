import assert from 'node:assert/strict';
import { Announcer } from '../../../src/core/announcer.js';
import { hasCode } from '../../../src/core/errors.js';
import { Secret } from '../../../src/core/secret.js';
import type { ServerId } from '../../../src/core/server.js';
import { StepUps } from '../../../src/broker/state/step-ups.js';

const notes = 'notes' as ServerId;
const account = { issuer: 'https://as.example.com', subject: 'alice', label: 'alice@example.com' };
const credential = {
  account,
  client: { issuer: account.issuer, clientId: 'c', authMethod: 'none', source: 'dynamic' },
  resource: 'https://mcp.example.com/mcp',
  generation: 1,
  scopes: ['openid', 'read'],
  tokens: { kind: 'alive', accessToken: new Secret('access-1'), issuedAtMs: 0 },
} as const;

describe('permissions that calls wait for (MCP authorization, "Scope Challenge Handling")', () => {
  let stepUps: StepUps;
  let wanted: ServerId[];
  let gone: AbortController;
  let signIn: () => void;
  let remove: () => void;

  beforeEach(() => {
    const changes = new Announcer<undefined>((error) => assert.fail(String(error)));
    wanted = [];
    gone = new AbortController();
    let isThere = true;
    stepUps = new StepUps({
      hasServer: () => isThere,
      want: (id) => wanted.push(id),
      onDidChange: (listener) => changes.listen(listener),
      changed: () => changes.announce(undefined),
    });
    remove = () => {
      isThere = false;
      changes.announce(undefined);
    };
    signIn = () => {
      stepUps.signedIn(notes);
      changes.announce(undefined);
    };
  });

  const ask = (...missing: string[]) => stepUps.allowed(notes, credential, missing, gone.signal);
  const isForbidden = (work: Promise<void>) =>
    assert.rejects(work, (error) => hasCode(error, 'access_forbidden'));

  it('are waited for no longer than the server is in the settings', async () => {
    const waiting = ask('write');
    remove();
    await waiting;
  });

  it('are asked for together with what was granted before (SEP-2350)', async () => {
    const waiting = Promise.all([ask('write'), ask('delete')]);
    const { missing, scopes } = stepUps.wanted(notes) ?? {};
    assert.deepEqual(
      [missing, scopes],
      [
        ['write', 'delete'],
        ['openid', 'read', 'write', 'delete'],
      ],
    );
    signIn();
    await waiting;
    assert.equal(stepUps.wanted(notes), undefined);
    assert.equal(wanted.length, 2);
  });

  it('are not asked for again when that was in vain', async () => {
    const waiting = ask('write');
    signIn();
    await waiting;
    await isForbidden(ask('write'));
    assert.equal(wanted.length, 1);
  });

  it('are asked for again when one of them is new', async () => {
    const first = ask('write');
    signIn();
    await first;
    const second = ask('write', 'delete');
    assert.deepEqual(stepUps.wanted(notes)?.missing, ['write', 'delete']);
    signIn();
    await second;
  });

  it('are asked for again after a sign-in that the user began', async () => {
    const waiting = ask('write');
    signIn();
    await waiting;
    signIn();
    const again = ask('write');
    signIn();
    await again;
  });

  it('stay wanted for the next sign-in when the caller hangs up', async () => {
    const waiting = ask('write');
    gone.abort(new Error('The caller hung up.'));
    await assert.rejects(waiting, /hung up/);
    assert.deepEqual(stepUps.wanted(notes)?.missing, ['write']);
  });
});

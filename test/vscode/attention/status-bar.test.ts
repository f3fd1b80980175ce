import assert from 'node:assert/strict';
import type { CredentialState } from '../../../src/core/state.js';
import { summary } from '../../../src/vscode/attention/status-bar.js';
import { FakeEditor } from '../../support/fake-editor.js';

const { l10n } = new FakeEditor().api;
const nowMs = Date.parse('2026-01-01T00:00:00Z');
const account = (label: string) => ({ issuer: 'https://login.example.com', subject: label, label });
const alice = account('alice@example.com');
const bob = account('bob@example.com');

const ready: CredentialState = { kind: 'ready', account: alice, expiresAtMs: nowMs + 3_600_000 };
const signedOut: CredentialState = { kind: 'signed-out' };
const dead: CredentialState = { kind: 'needs-sign-in', account: bob, reason: 'revoked' };
const retrying: CredentialState = {
  kind: 'retrying',
  account: alice,
  nextAttemptAtMs: nowMs + 10_000,
  code: 'issuer_unreachable',
};

describe('the status bar', () => {
  const rows: readonly (readonly [name: string, states: readonly CredentialState[], text: RegExp])[] = [
    ['nothing when nothing is configured', [], /^\$\(key\) MCP$/],
    ['who is signed in and for how long', [ready], /^\$\(key\) alice@example\.com · 60 min$/],
    [
      'the nearest end of several',
      [ready, { ...ready, expiresAtMs: nowMs + 300_000 }],
      /^\$\(key\) alice@example\.com · 5 min$/,
    ],
    ['the last minute as less than one', [{ ...ready, expiresAtMs: nowMs + 30_000 }], /· <1 min$/],
    ['no time when none is known', [{ kind: 'ready', account: alice }], /^\$\(key\) alice@example\.com$/],
    ['how many accounts there are', [ready, { ...ready, account: bob }], /^\$\(key\) 2 accounts · 60 min$/],
    [
      'a renewal as calmly as before',
      [{ ...ready, kind: 'refreshing' }],
      /^\$\(key\) alice@example\.com · 60 min$/,
    ],
    ['that the issuer is away', [retrying, ready], /^\$\(debug-disconnect\) alice@example\.com$/],
    ['that a browser is open', [{ kind: 'signing-in' }, ready], /^\$\(loading~spin\) /],
    ['that nothing can be read yet', [{ kind: 'locked' }, signedOut], /^\$\(lock\) MCP: locked$/],
    ['that nobody is signed in', [signedOut], /signed out/i],
    ['that somebody is to be chosen', [{ ...signedOut, mustChoose: true }], /MCP: choose an account$/],
    ['those who are signed in before those who are not', [signedOut, ready], /alice@example\.com/],
    [
      'whoever must act before anybody else',
      [ready, retrying, dead, signedOut],
      /^\$\(warning\).*bob@example\.com/,
    ],
    [
      'no icon that a name asks for',
      [{ kind: 'ready', account: account('$(error) alice') }],
      /^\$\(key\) \$ \(error\) alice$/,
    ],
    ['a long name cut', [{ kind: 'ready', account: account('a'.repeat(80)) }], /^\$\(key\) a{31}…$/],
  ];
  for (const [name, states, text] of rows) {
    it(`shows ${name}`, () => {
      const shown = summary(l10n, states, nowMs, { condition: { kind: 'works' }, hasNoProxy: false });
      assert.match(shown.text, text);
      assert.equal(shown.mustAct, states.includes(dead));
    });
  }

  it('shows before anything else that nothing can be stored', () => {
    const unusable = { condition: { kind: 'unusable', why: 'no disk' }, hasNoProxy: true } as const;
    assert.deepEqual(summary(l10n, [ready, dead], nowMs, unusable), {
      text: '$(warning) MCP: storage',
      mustAct: true,
    });
  });

  it('shows before the accounts that there is no proxy', () => {
    const without = { condition: { kind: 'works' }, hasNoProxy: true } as const;
    assert.deepEqual(summary(l10n, [ready, dead], nowMs, without), {
      text: '$(warning) MCP: proxy',
      mustAct: true,
    });
  });
});

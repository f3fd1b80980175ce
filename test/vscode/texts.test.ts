import assert from 'node:assert/strict';
import { BrokerError, type ErrorCode, type ErrorDetails } from '../../src/core/errors.js';
import { refusalReasons, type RefusalReason } from '../../src/core/refusal.js';
import type { ServerId } from '../../src/core/server.js';
import type { CredentialState } from '../../src/core/state.js';
import { failureText } from '../../src/vscode/texts/failure-texts.js';
import { outcomeText } from '../../src/vscode/texts/outcome-texts.js';
import { durationText, reasonText, stateText } from '../../src/vscode/texts/state-texts.js';
import type { StoragePlace } from '../../src/vscode/texts/place-text.js';
import { FakeEditor } from '../support/fake-editor.js';

const { l10n } = new FakeEditor().api;
const tickets = 'tickets' as ServerId;
const nowMs = Date.parse('2026-01-01T00:00:00Z');
const alice = { issuer: 'https://login.example.com', subject: 'alice', label: 'alice@example.com' };

/** Where credentials are stored. */
const editor: StoragePlace = { backend: 'secretStorage' };
const files: StoragePlace = { backend: 'encryptedFile', directory: '~/mcp' };

const runSignIn =
  /Run “MCP Credentials: Sign In” from the Command Palette and choose “tickets”, then try again\.$/;

/** What each text must tell the reader to do. A code without a row does not compile. */
const nextSteps: Record<ErrorCode, readonly [details: ErrorDetails, step: RegExp]> = {
  sign_in_required: [{}, runSignIn],
  grant_refused: [{ reason: 'revoked', account: 'alice@example.com' }, runSignIn],
  issuer_unreachable: [{}, /Check the network and try again\.$/],
  tls_untrusted: [{ host: 'login.example.com' }, /Check the network’s proxy and the system’s certificates/],
  address_refused: [{ address: 'ftp://x', why: 'other-scheme' }, /Correct it in the settings/],
  network_refused: [
    { address: 'https://10.0.0.5', by: 'https://mcp.example.com' },
    /set it as "auth\.issuer" of “tickets” in the settings; else ask/,
  ],
  metadata_missing: [{}, /Set its "auth\.issuer" in the setting/],
  issuer_mismatch: [{ issuer: 'https://login.example.com' }, /Ask who runs “tickets”/],
  resource_mismatch: [{ resource: '"https://other.example.com"' }, /Check its URL in the settings/],
  issuer_not_offered: [{ issuer: 'https://a.example.com', offered: '[]' }, /Correct "auth\.issuer"/],
  pkce_unsupported: [{ issuer: 'https://login.example.com' }, /Ask who runs it/],
  registration_unsupported: [{ issuer: 'https://login.example.com' }, /set its id as "auth\.clientId"/],
  registration_refused: [
    { issuer: 'https://login.example.com', reason: '"no"' },
    /set its id as "auth\.clientId"/,
  ],
  client_refused: [{ issuer: 'https://login.example.com', reason: '"no"' }, /Check "auth\.clientId"/],
  client_rule_missing: [
    { who: 'bob@example.com' },
    /Run “MCP Credentials: Add Google Client…” .* then sign in for “tickets” again\.$/,
  ],
  origin_not_allowed: [
    { account: 'alice@example.com', origin: 'https://mcp.example.com' },
    /sent to https:\/\/mcp\.example\.com, .* run “MCP Credentials: Sign In” .* and allow it\.$/,
  ],
  identity_missing: [{ issuer: 'https://login.example.com' }, /Sign in again, or ask who runs it/],
  token_refused: [
    { issuer: 'https://login.example.com', reason: '"assertion expired"' },
    /"assertion expired"\. The grant is kept; next attempt in .* run “MCP Credentials: Refresh Now”\.$/,
  ],
  clock_wrong: [{}, /Set the computer’s clock: its date, time and time zone\. Then try again\.$/],
  delegation_missing: [{}, /client ID authorized for the scopes .* Then try again/],
  client_key_unusable: [{ offered: '["ES256"]' }, /enter another key, or ask who runs the server/],
  token_file_unusable: [
    { path: '/run/token', why: 'cannot be read' },
    /Check that the program .* then try again/,
  ],
  client_elsewhere: [
    { issuer: 'https://login.example.com', before: 'https://a.example.com', clientId: 'ours' },
    /as "auth\.clientId" .* ask who runs the server/,
  ],
  authorization_denied: [{ error: 'access_denied', reason: '"no"' }, /Sign in again/],
  authorization_response_invalid: [{}, /Sign in again\.$/],
  token_answer_invalid: [{}, /Sign in again, or ask who runs it/],
  wrong_account: [
    { wanted: 'alice@example.com', got: 'bob@example.com' },
    /Sign in again as alice@example\.com; to change/,
  ],
  consent_narrower: [
    { account: 'alice@example.com', lost: 'Gmail: read mail' },
    /again and leave those boxes ticked; .* run “MCP Credentials: Sign Out” first/,
  ],
  sign_in_cancelled: [{}, /cancelled/],
  sign_in_timeout: [{}, /Sign in again\.$/],
  device_code_unsupported: [{ issuer: 'https://login.example.com' }, /choose “Paste Address…”\.$/],
  redirect_port_taken: [
    { port: 8080 },
    /change “mcpCredentials\.redirect\.port” in the settings, then sign in again/,
  ],
  browser_unavailable: [{}, /then sign in again\.$/],
  session_account_changed: [{}, /Try again\.$/],
  token_rejected: [{ account: 'alice@example.com' }, runSignIn],
  dpop_unsupported: [{ issuer: 'https://login.example.com' }, /Ask whoever runs the server/],
  redirect_unavailable: [{}, /Set “mcpCredentials\.redirect\.via”/],
  nonce_wanted: [{}, /Make the call again/],
  scope_required: [{ account: 'alice@example.com' }, runSignIn],
  access_forbidden: [{ account: 'alice@example.com' }, /Sign in with an account that may, or ask/],
  server_unreachable: [{ host: 'tickets.example.com' }, /Check that it runs .* then try again\.$/],
  session_lost: [{}, /Try again/],
  server_failed: [{ status: 503 }, /Try again; if this goes on, ask who runs/],
  too_many_waiting: [{}, runSignIn],
  redirect_refused: [{ location: '"https://other.example.com"' }, /set it as "url" in the settings/],
  call_forbidden: [{ use: '"tools/delete_all"' }, /Do without it/],
  call_denied: [{ use: '"tools/send"' }, /unless the user asks for it/],
  call_unanswered: [{ use: '"tools/send"' }, /Tell the user, then try again/],
  call_cancelled: [{}, /Make the call again if it is still wanted/],
  call_unjudged: [{ why: 'is not JSON' }, /Send one plain JSON-RPC message/],
  too_many_calls: [{ limit: 512 }, /Wait for some to end, then try again/],
  socket_unusable: [
    { why: 'others can write to the folder "/x"' },
    /set “mcpCredentials\.proxy\.transport” to "port"/,
  ],
  port_unusable: [{ why: 'EACCES' }, /set “mcpCredentials\.proxy\.transport” to "socket"; then reload/],
  token_bound: [{}, /Take "delivery" out of its entry/],
  address_changed: [{ address: 'https://mcp.example.com/group/name' }, /Take "delivery" out of its entry/],
  server_unknown: [{}, /in the setting “mcpCredentials\.servers”/],
  record_damaged: [{}, runSignIn],
  record_elsewhere: [{}, /Reload this window/],
  renewed_elsewhere: [{}, /unlock the system’s keyring, then try again/],
  renewing_elsewhere: [{}, /Another window is renewing .* Try again in a moment\.$/],
  vault_write_failed: [{}, /Check the system’s keyring, then sign in again/],
  storage_locked: [{}, /passphrase/],
  storage_unusable: [{ why: 'The folder takes nothing' }, /Correct/],
  network_down: [{}, /try again/],
  refresh_queue_full: [{ issuer: 'https://login.example.com' }, /Try again/],
  too_many_attempts: [{}, /Show Log/],
  account_choice_required: [{}, /Sign In/],
};

/** What an error of that code always carries: a code that the text puts into words. */
const neverWithout: Partial<Record<ErrorCode, ErrorDetails>> = {
  grant_refused: { reason: 'refused' },
  address_refused: { why: 'no-url' },
};

describe('the text of a failure', () => {
  for (const [code, [details, step]] of Object.entries(nextSteps)) {
    it(`names the next step: ${code}`, () => {
      const error = new BrokerError(code as ErrorCode, 'for the log only', { details });
      const text = failureText(l10n, error, tickets, nowMs, editor);
      assert.match(text, step);
      assert.doesNotMatch(text, /undefined|NaN|\{\d\}|for the log only/);
      assert.match(text, /^\S.*\.$/, 'Sentences.');
      for (const value of Object.values(details)) {
        const isHidden = ['access_denied', '"no"'].includes(String(value)) && code === 'authorization_denied';
        const isInWords = ['revoked', 'other-scheme'].includes(String(value));
        if (!isInWords && !isHidden) assert.ok(text.includes(String(value)), `${value} in: ${text}`);
      }
    });

    it(`can be made without a single detail: ${code}`, () => {
      const text = failureText(
        l10n,
        new BrokerError(code as ErrorCode, '', {
          details: neverWithout[code as ErrorCode] ?? {},
        }),
        tickets,
        nowMs,
        editor,
      );
      assert.doesNotMatch(text, /undefined|NaN|\[object/);
    });
  }

  it('does not call a token just issued that cannot be renewed and is shared', () => {
    const error = new BrokerError('token_rejected', '', { details: { account: 'alice', shared: 1 } });
    const text = failureText(l10n, error, tickets, nowMs, editor);
    assert.match(text, /refuses the token of alice, which cannot be renewed.*Sign In/);
    assert.doesNotMatch(text, /just issued/);
  });

  it('does not call a status a failure that is none, and says what may have come in the place of an answer', () => {
    const textOf = (status: number) => {
      const error = new BrokerError('server_failed', '', { details: { status } });
      return failureText(l10n, error, tickets, nowMs, editor);
    };
    for (const status of [200, 204]) {
      assert.match(textOf(status), /is no answer to the call.*login page.*Check its URL in the settings/);
      assert.doesNotMatch(textOf(status), /answered with HTTP status/);
    }
    for (const status of [199, 300, 404, 503])
      assert.match(textOf(status), new RegExp(`answered with HTTP status ${status}\\. Try again`));
  });

  it('says of a token that is not given now what was heard, and nothing in its place', () => {
    const details = { nextAttemptAtMs: nowMs + 90_000 };
    const textOf = (more: object) => {
      const error = new BrokerError('token_refused', '', { details: { ...details, ...more } });
      return failureText(l10n, error, tickets, nowMs, editor);
    };
    assert.match(textOf({}), /gives no new token now\. The grant is kept; next attempt in/);
    const refusal = { issuer: 'https://idp.example.com', reason: '"stale"' };
    assert.match(
      textOf(refusal),
      /^https:\/\/idp\.example\.com gives no new token for “tickets” now: "stale"\. The grant is kept/,
    );
  });

  it('names the identity provider that refused a sign-in for the authorization server', () => {
    const details = { issuer: 'https://idp.example.com', error: 'invalid_grant', reason: '"stale"' };
    const error = new BrokerError('authorization_denied', '', { details });
    assert.match(
      failureText(l10n, error, tickets, nowMs, editor),
      /^The authorization server https:\/\/idp\.example\.com refused the sign-in: "stale"\./,
    );
  });

  it('says who is logged in to the file, and not that somebody has signed in as somebody else', () => {
    const details = { wanted: 'alice@example.com', got: 'bob@example.com', source: 'file' };
    const text = failureText(l10n, new BrokerError('wrong_account', '', { details }), tickets, nowMs, editor);
    assert.match(
      text,
      /^Somebody other than alice@example\.com is logged in now .* Log in as alice@example\.com again/,
    );
  });

  it('sends nobody to a setting that a client with registered ports does not follow', () => {
    const details = { registered: '8000, 8001' };
    const error = new BrokerError('redirect_port_taken', '', { details });
    const text = failureText(l10n, error, tickets, nowMs, editor);
    assert.match(
      text,
      /registered ports only \(8000, 8001\).*add a redirect URI with another port.*Add Google Client…/,
    );
    assert.doesNotMatch(text, /redirect\.port/);
  });

  it('says when the next attempt is, and that nothing is lost', () => {
    const details = { nextAttemptAtMs: nowMs + 90_000 };
    const error = new BrokerError('issuer_unreachable', '', { details });
    assert.equal(
      failureText(l10n, error, tickets, nowMs, editor),
      'The authorization server for “tickets” does not answer. The sign-in is kept; next attempt in 2 min. To try at once, run “MCP Credentials: Refresh Now”.',
    );
  });

  it('says of a wrong clock that nothing is lost, and how to try at once when it is right', () => {
    const error = new BrokerError('clock_wrong', '', { details: { nextAttemptAtMs: nowMs + 90_000 } });
    assert.match(
      failureText(l10n, error, tickets, nowMs, editor),
      /Set the computer’s clock: .*The sign-in is kept; next attempt in 2 min\. .*“MCP Credentials: Refresh Now”\.$/,
    );
  });

  it('says of a client that is not taken that the sign-in is kept, and who can help', () => {
    const error = new BrokerError('client_refused', '', { details: { nextAttemptAtMs: nowMs + 600_000 } });
    assert.match(
      failureText(l10n, error, tickets, nowMs, editor),
      /for “tickets” refuses its client.*the sign-in is kept\. Have the client fixed there, then run “MCP Credentials: Refresh Now”/,
    );
  });

  it('sends nobody to sign in again because a request is large', () => {
    const error = new BrokerError('token_rejected', '', { details: { limitBytes: 1 } });
    assert.match(
      failureText(l10n, error, tickets, nowMs, editor),
      /too large to be sent twice\. Make the call again\.$/,
    );
  });

  it('names the place that has taken nothing, and what to look at there', () => {
    const error = new BrokerError('vault_write_failed', '');
    assert.equal(
      failureText(l10n, error, tickets, nowMs, files),
      'The sign-in could not be saved in encrypted files in ~/mcp. Check that the folder takes files and the disk has room, then sign in again.',
    );
    assert.match(failureText(l10n, error, tickets, nowMs, editor), /in the editor’s secret storage\. Check/);
  });

  it('sends whoever meets a bug to the log, and repeats nothing of it', () => {
    const text = failureText(l10n, new Error('at secret place'), tickets, nowMs, editor);
    assert.match(text, /Run “MCP Credentials: Show Log”/);
    assert.doesNotMatch(text, /secret place/);
  });
});

describe('the text of a refusal', () => {
  const sentences: Record<RefusalReason, RegExp> = {
    revoked: /was revoked/,
    expired: /has expired/,
    'password-changed': /password .* was changed/,
    'access-removed': /administrator or a policy/,
    'testing-expired': /after 7 days, .* in testing\. Publish the app in the Google Cloud console/,
    unused: /nobody used it for six months/,
    'session-control': /wants its people to sign in again after some hours/,
    'admin-policy': /Ask them to trust the client ID, or sign in with another account/,
    untold: /the access was revoked, the password was changed, or .* too often elsewhere/,
    'other-account': /Log in as alice@example\.com again .* or sign in with another account/,
    'client-mismatch': /belongs to another client .* Check the client/,
    refused: /ended by the authorization server/,
    'client-gone': /no longer knows this editor/,
    'not-renewable': /offers no renewal/,
    'secret-missing': /is gone from the editor’s secret storage/,
    'window-lost': /a window was closed or stopped while it renewed it/,
    'answer-lost': /the network broke off while it was renewed/,
  };
  for (const reason of refusalReasons) {
    it(`says why in plain words, and about whom: ${reason}`, () => {
      const text = reasonText(l10n, reason, 'alice@example.com', editor);
      assert.match(text, sentences[reason]);
      assert.match(text, /alice@example\.com/);
      assert.match(text, /\.$/);
    });
  }

  it('names the place that has lost it', () => {
    const text = reasonText(l10n, 'secret-missing', 'alice@example.com', files);
    assert.equal(text, 'The sign-in of alice@example.com is gone from encrypted files in ~/mcp.');
  });
});

describe('the text of a state', () => {
  const rows: readonly (readonly [state: CredentialState, text: string])[] = [
    [{ kind: 'signed-out' }, 'signed out'],
    [{ kind: 'signed-out', mustChoose: true }, 'choose an account'],
    [{ kind: 'locked' }, 'locked, waits for the passphrase'],
    [{ kind: 'signing-in' }, 'signing in, the browser is waiting'],
    [{ kind: 'ready', account: alice }, 'signed in'],
    [
      { kind: 'ready', account: alice, grantEndsAtMs: nowMs + 47 * 3_600_000 },
      'signed in; the sign-in itself ends in 47 h, so sign in again before',
    ],
    [{ kind: 'ready', account: alice, grantEndsAtMs: nowMs + 49 * 3_600_000 }, 'signed in'],
    [
      { kind: 'refreshing', account: alice, missingScopes: ['Gmail: send mail', 'Drive: read all files'] },
      'signed in, renewing the token; not granted: Gmail: send mail, Drive: read all files',
    ],
    [
      { kind: 'ready', account: alice, otherAudience: 'https://other.example.com/' },
      'signed in; the token says that it is for "https://other.example.com/", so the server may refuse it; ask whoever runs the authorization server',
    ],
    [
      { kind: 'ready', account: alice, expiresAtMs: nowMs + 3_600_000 },
      'signed in, token renews within 60 min',
    ],
    [{ kind: 'refreshing', account: alice }, 'signed in, renewing the token'],
    [
      { kind: 'retrying', account: alice, nextAttemptAtMs: nowMs + 10_000, code: 'issuer_unreachable' },
      'the authorization server does not answer; next attempt in 1 min',
    ],
    [
      { kind: 'retrying', account: alice, nextAttemptAtMs: nowMs + 600_000, code: 'tls_untrusted' },
      'the authorization server’s certificate is not trusted; next attempt in 10 min',
    ],
    [
      { kind: 'retrying', account: alice, nextAttemptAtMs: nowMs + 600_000, code: 'client_refused' },
      'the authorization server refuses the client; have it fixed there, or sign in again to enter its new secret; next attempt in 10 min',
    ],
    [
      { kind: 'retrying', account: alice, nextAttemptAtMs: nowMs + 10_000, code: 'clock_wrong' },
      'the clock of this computer is wrong; set its date, time and time zone; next attempt in 1 min',
    ],
    [
      { kind: 'retrying', account: alice, nextAttemptAtMs: nowMs + 600_000, code: 'wrong_account' },
      'somebody else is logged in now in the credentials file; next attempt in 10 min',
    ],
    [
      { kind: 'retrying', account: alice, nextAttemptAtMs: nowMs + 600_000, code: 'token_file_unusable' },
      'the file that it comes from cannot be used; next attempt in 10 min',
    ],
    [
      { kind: 'retrying', account: alice, nextAttemptAtMs: nowMs + 10_000, code: 'record_elsewhere' },
      'another window has a newer sign-in; reload this window',
    ],
    [
      { kind: 'retrying', account: alice, nextAttemptAtMs: nowMs + 10_000, code: 'renewing_elsewhere' },
      'another window is renewing it; next attempt in 1 min',
    ],
    [
      { kind: 'retrying', account: alice, nextAttemptAtMs: nowMs, code: 'network_down' },
      'this computer is not connected to a network; renewing goes on when it is back',
    ],
    [
      { kind: 'retrying', account: alice, nextAttemptAtMs: nowMs + 40_000, code: 'too_many_attempts' },
      'renewed too often within a minute, so there is a pause; next attempt in 1 min',
    ],
    [{ kind: 'needs-sign-in', account: alice, reason: 'revoked' }, 'sign-in needed'],
  ];
  for (const [state, text] of rows) {
    it(`is short: ${text}`, () => assert.equal(stateText(l10n, state, nowMs), text));
  }
});

describe('a span of time', () => {
  for (const [ms, text] of [
    [-5_000, '1 min'],
    [0, '1 min'],
    [60_000, '1 min'],
    [60_001, '2 min'],
    [99 * 60_000, '99 min'],
    [100 * 60_000, '2 h'],
    [47 * 3_600_000, '47 h'],
    [48 * 3_600_000, '2 days'],
    [30 * 24 * 3_600_000, '30 days'],
  ] as const) {
    it(`of ${ms} ms reads ${text}`, () => assert.equal(durationText(l10n, ms), text));
  }
});

describe('the words in the browser’s tab', () => {
  it('name the account and the server after a sign-in', () => {
    const outcome = { kind: 'signed-in', account: 'alice@example.com', server: 'tickets' } as const;
    assert.deepEqual(outcomeText(l10n, outcome, nowMs, editor), {
      title: 'You are signed in',
      message: 'alice@example.com is ready for the MCP server “tickets”.',
    });
  });

  it('say what went wrong otherwise', () => {
    const error = new BrokerError('sign_in_cancelled', '');
    const { title, message } = outcomeText(l10n, { kind: 'failed', error, server: 'tickets' }, nowMs, editor);
    assert.deepEqual([title, message], ['You are not signed in', 'The sign-in was cancelled.']);
  });
});

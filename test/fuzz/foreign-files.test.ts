import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseClientFile } from '../../src/google/client-file.js';
import { parseDefaultCredentials } from '../../src/import/default-credentials.js';
import { parseRemoteFiles } from '../../src/import/remote-files.js';
import { naiveUtc, parseWorkspaceFile } from '../../src/import/workspace-file.js';
import { holds } from './fuzz.js';
import { anyText, damaged, documentText } from './texts.js';

const endpoint = 'https://oauth2.googleapis.com/token';
const values = ['hunter2', '', 7, null, ['hunter2'], { hunter2: 1 }];

/** A file that is right in most of its members. */
const file = documentText({
  token: values,
  refresh_token: ['1//hunter2', ...values],
  token_uri: [endpoint, 'https://oauth2.example.com/token', ...values],
  client_id: ['c', ...values],
  client_secret: values,
  scopes: [['a', 'b'], 'a b', ...values],
  expiry: ['2026-05-12T19:34:27', '2026-99-12T19:34:27', ...values],
  access_token: ['hunter2', ...values],
  expires_at: [1_790_000_000_000, '1790000000000', '1e400', -1, 1e300, ...values],
  type: ['authorized_user', 'service_account', 'toString', ...values],
  installed: [{ client_id: 'c', client_secret: 'hunter2' }, ...values],
  web: [
    { client_id: 'c', redirect_uris: ['http://localhost:8000/x', 'https://evil.example.com/'] },
    ...values,
  ],
});
const text = fc.oneof(file, damaged(file), anyText);

const names = fc.oneof(fc.constantFrom('alice@example.com', 'alice', 'a@b@c', 'a b@c'), anyText);

/** The complete files of gcloud, beside those that lack a part. */
const gclouds = fc.oneof(
  text,
  documentText({
    type: ['authorized_user', 'service_account', 'authorized_users', 'toString'],
    client_id: ['c'],
    client_secret: ['hunter2'],
    refresh_token: ['1//hunter2', ''],
    client_email: ['robot@example.com'],
    private_key: ['hunter2', ' '],
  }),
);

/** Both files of mcp-remote in one, complete but for its instant. */
const remotes = fc.oneof(
  text,
  documentText({
    access_token: ['hunter2'],
    refresh_token: ['1//hunter2'],
    client_id: ['c'],
    expires_at: [1_790_000_000_000, '1790000000000', '1e400', -1, 1e300, ' ', null],
  }),
);

/** An instant as Python writes it, and what looks like one. */
const pythons = fc
  .tuple(
    fc.date({ noInvalidDate: true }),
    fc.constantFrom('', 'Z', '+00:00', '-0530', '+99:99', ' UTC', '.123456'),
  )
  .map(([date, end]) => `${date.toISOString().slice(0, 19)}${end}`);

type Members = Readonly<Record<string, unknown>>;

/** What the text of an object says, by another way than the parsers. @throws when it is none */
function membersOf(content: string): Members {
  const value: unknown = JSON.parse(content.replace(/^\uFEFF/, ''));
  assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), 'Stands for none.');
  return value as Members;
}

const isFilled = (value: unknown): boolean => typeof value === 'string' && value.trim() !== '';

describe('a file of another program', () => {
  holds('of google_workspace_mcp is somebody’s, or says why not', 10, [text, names], (content, name) => {
    const found = parseWorkspaceFile(content, `${name}.json`, [endpoint]);
    if (found.kind !== 'google') assert.equal(found.kind, 'unusable');
    else {
      assert.match(found.email, /^[^@\s]+@[^@\s]+$/u);
      const { refresh_token, client_id, token_uri } = membersOf(content);
      assert.deepEqual([refresh_token, client_id].map(isFilled), [true, true]);
      assert.ok(
        [undefined, null, endpoint].includes(token_uri as string),
        'Another endpoint would get the token.',
      );
    }
    assert.doesNotMatch(JSON.stringify('tokens' in found ? found.tokens : {}), /1\/\/hunter2/);
  });

  holds('of mcp-remote is a server’s, or says why not', 10, [remotes, remotes], (tokens, client) => {
    const found = parseRemoteFiles('https://x.example.com/mcp', tokens, client);
    assert.ok(found.kind === 'server' || found.kind === 'unusable');
    if (found.kind !== 'server') return;
    assert.ok(Number.isFinite(found.tokens.expiresAtMs ?? 0));
    const { access_token, refresh_token } = membersOf(tokens);
    const needed = [access_token, refresh_token, membersOf(client)['client_id']];
    assert.deepEqual(needed.map(isFilled), [true, true, true]);
  });

  holds('of gcloud is known by its type, or says why not', 5, [gclouds], (content) => {
    const found = parseDefaultCredentials(content);
    if (found.kind !== 'default-credentials') {
      assert.equal(found.kind, 'unusable');
      return;
    }
    const { type, ...members } = membersOf(content);
    const needed = { authorized_user: 'refresh_token', service_account: 'private_key' }[String(type)];
    assert.ok(needed !== undefined && isFilled(members[needed]), 'Of no type that there is, or half of one.');
  });

  holds('that should hold a client holds one, or something else that has a name', 5, [text], (content) => {
    const read = parseClientFile(content);
    if (read.kind !== 'client') {
      assert.notEqual(read.found, '');
      return;
    }
    const { [read.client.type]: held } = membersOf(content);
    assert.deepEqual(read.client.clientId, (held as Members)['client_id']);
    assert.ok(isFilled(read.client.clientId));
    assert.ok(read.client.loopbackUris.every((uri) => /^http:\/\/(localhost|127\.0\.0\.1):/.test(uri)));
  });

  holds(
    'has an end that is an instant, or none',
    5,
    [fc.oneof(anyText, fc.date().map(String), pythons)],
    (expiry) => {
      const ms = naiveUtc(expiry);
      if (ms === undefined) return;
      assert.ok(Number.isFinite(ms) && ms >= 0);
      assert.match(expiry, /^\s*\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d/, 'Stands for no instant.');
      const written = expiry.trim().slice(0, 19).replace(' ', 'T');
      if (/[\dZ]$/.test(expiry.trim()) && !/[+-]\d\d:?\d\d$/.test(expiry.trim().slice(19)))
        assert.equal(new Date(ms).toISOString().slice(0, 19), written, 'UTC, unless it says otherwise.');
    },
  );
});

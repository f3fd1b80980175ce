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
  expires_at: [1_790_000_000_000, '1790000000000', Infinity, ...values],
  type: ['authorized_user', 'service_account', 'toString', ...values],
  installed: [{ client_id: 'c', client_secret: 'hunter2' }, ...values],
  web: [{ client_id: 'c', redirect_uris: ['http://localhost:8000/x', 7] }, ...values],
});
const text = fc.oneof(file, damaged(file), anyText);

describe('a file of another program', () => {
  holds('of google_workspace_mcp is somebody’s, or says why not', 10, [text, anyText], (content, name) => {
    const found = parseWorkspaceFile(content, `${name}.json`, [endpoint]);
    if (found.kind !== 'google') assert.equal(found.kind, 'unusable');
    else assert.match(found.email, /^[^@\s]+@[^@\s]+$/u);
    assert.doesNotMatch(JSON.stringify('tokens' in found ? found.tokens : {}), /1\/\/hunter2/);
  });

  holds('of mcp-remote is a server’s, or says why not', 10, [text, text], (tokens, client) => {
    const found = parseRemoteFiles('https://x.example.com/mcp', tokens, client);
    assert.ok(found.kind === 'server' || found.kind === 'unusable');
    if (found.kind === 'server') assert.ok(Number.isFinite(found.tokens.expiresAtMs ?? 0));
  });

  holds('of gcloud is known by its type, or says why not', 5, [text], (content) => {
    const found = parseDefaultCredentials(content);
    assert.ok(found.kind === 'default-credentials' || found.kind === 'unusable');
  });

  holds('that should hold a client holds one, or something else that has a name', 5, [text], (content) => {
    const read = parseClientFile(content);
    if (read.kind === 'client') assert.notEqual(read.client.clientId, '');
    else assert.notEqual(read.found, '');
  });

  holds('has an end that is an instant, or none', 5, [fc.oneof(anyText, fc.date().map(String))], (expiry) => {
    const ms = naiveUtc(expiry);
    assert.ok(ms === undefined || (Number.isFinite(ms) && ms >= 0));
  });
});

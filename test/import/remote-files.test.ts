import assert from 'node:assert/strict';
import type { UnusableReason } from '../../src/core/importing.js';
import { isRemoteFolder, parseRemoteFiles, parseRemoteName } from '../../src/import/remote-files.js';

const url = 'https://tickets.example.com/mcp';
const tokens = {
  access_token: 'access',
  token_type: 'Bearer',
  expires_in: 3600,
  scope: 'read write',
  refresh_token: 'refresh',
  expires_at: 1_790_000_000_000,
  requested_scope: 'read write',
};
const client = {
  client_id: 'c',
  client_secret: 's',
  redirect_uris: ['http://localhost:3335/oauth/callback'],
};

const parse = (server: string | undefined, one: unknown, other: unknown = client) =>
  parseRemoteFiles(
    server,
    typeof one === 'string' ? one : JSON.stringify(one),
    other === undefined || typeof other === 'string' ? other : JSON.stringify(other),
  );

describe('what mcp-remote keeps about a server', () => {
  it('is read from its two files', () => {
    const found = parse(url, { ...tokens, issuer: 'https://login.example.com' });
    assert.ok(found.kind === 'server');
    assert.deepEqual([found.serverUrl, found.issuer], [url, 'https://login.example.com']);
    assert.deepEqual([found.client.clientId, found.client.clientSecret?.reveal()], ['c', 's']);
    const { accessToken, refreshToken, scopes, expiresAtMs } = found.tokens;
    assert.deepEqual([accessToken.reveal(), refreshToken.reveal()], ['access', 'refresh']);
    assert.deepEqual([scopes, expiresAtMs], [['read', 'write'], 1_790_000_000_000]);
  });

  it('may name its end as a text, and the issuer with the client', () => {
    const found = parse(
      url,
      { ...tokens, expires_at: '1790000000000' },
      { ...client, issuer: 'https://i.example' },
    );
    assert.ok(found.kind === 'server');
    assert.deepEqual([found.tokens.expiresAtMs, found.issuer], [1_790_000_000_000, 'https://i.example']);
  });

  const rows: readonly [string, UnusableReason, ...Parameters<typeof parse>][] = [
    ['its tokens are cut off', 'not-json', url, JSON.stringify(tokens).slice(0, 30)],
    ['it has no access token', 'incomplete', url, { ...tokens, access_token: undefined }],
    ['it cannot be renewed', 'no-refresh-token', url, { ...tokens, refresh_token: undefined }],
    ['its client is cut off', 'not-json', url, tokens, '{"client_id":'],
    ['its client has no id', 'no-client', url, tokens, { redirect_uris: [] }],
    ['its server is not in the settings', 'unknown-server', undefined, tokens],
  ];
  for (const [title, why, ...given] of rows) {
    it(`is left out when ${title}`, () => {
      assert.deepEqual(parse(...given), { kind: 'unusable', why });
    });
  }

  it('is left out without a client', () => {
    assert.deepEqual(parseRemoteFiles(url, JSON.stringify(tokens), undefined), {
      kind: 'unusable',
      why: 'no-client',
    });
  });

  it('lies in files and folders of certain names', () => {
    const hash = '0123456789abcdef0123456789abcdef';
    assert.deepEqual(parseRemoteName(`${hash}_tokens.json`), { hash, what: 'tokens' });
    assert.deepEqual(parseRemoteName(`${hash}_client_info.json`), { hash, what: 'client' });
    for (const name of [`${hash}_code_verifier_x.txt`, `${hash}_tokens.json.1.tmp`, 'x_tokens.json', hash])
      assert.equal(parseRemoteName(name), undefined);
    const folders = ['mcp-remote-v1', 'mcp-remote-0.1.37', 'mcp-remote-', 'other', 'mcp-remote-v1/..'];
    assert.deepEqual(folders.filter(isRemoteFolder), ['mcp-remote-v1', 'mcp-remote-0.1.37']);
  });
});

import assert from 'node:assert/strict';
import { parseClientFile } from '../../src/google/client-file.js';

const id = '1234-abc.apps.googleusercontent.com';

/** As the console writes it. */
const addresses = {
  project_id: 'my-project',
  auth_uri: 'https://accounts.google.com/o/oauth2/auth',
  token_uri: 'https://oauth2.googleapis.com/token',
  auth_provider_x509_cert_url: 'https://www.googleapis.com/oauth2/v1/certs',
};
const client = { client_id: id, ...addresses, client_secret: 'GOCSPX-secret' };

describe('a client that Google lets its maker download', () => {
  it('is read from the file of a desktop app', () => {
    const text = JSON.stringify({ installed: { ...client, redirect_uris: ['http://localhost'] } });
    const read = parseClientFile(`\uFEFF${text}`);
    assert.ok(read.kind === 'client');
    assert.deepEqual(
      [read.client.type, read.client.clientId, read.client.loopbackUris],
      ['installed', id, []],
    );
    assert.equal(read.client.clientSecret?.reveal(), 'GOCSPX-secret');
  });

  it('is read from the file of a web application, with those addresses on which we can listen', () => {
    const uris = [
      'https://app.example.com/callback',
      'http://localhost:8000/oauth2callback',
      'http://127.0.0.1:33418/callback',
      'http://localhost/callback',
      'http://localhost:80/callback',
      'http://[::1]:8000/callback',
      'http://localhost:8000/callback?x=1',
      'http://localhost:99999/callback',
      'http://localhost.example.com:8000/',
      'no address',
    ];
    const read = parseClientFile(JSON.stringify({ web: { ...client, redirect_uris: uris } }));
    assert.ok(read.kind === 'client');
    assert.equal(read.client.type, 'web');
    assert.deepEqual(read.client.loopbackUris, [
      'http://localhost:8000/oauth2callback',
      'http://127.0.0.1:33418/callback',
    ]);
  });

  it('may have no secret', () => {
    const read = parseClientFile(JSON.stringify({ installed: { client_id: id, client_secret: ' ' } }));
    assert.ok(read.kind === 'client');
    assert.equal('clientSecret' in read.client, false);
  });

  const others: readonly [string, string, string][] = [
    ['text', 'client_id=1', 'not-json'],
    ['nothing', '', 'not-json'],
    ['a list', '[{"installed":{}}]', 'something-else'],
    ['null', 'null', 'something-else'],
    [
      'a key of a service account',
      JSON.stringify({ type: 'service_account', private_key: 'k' }),
      'service-account',
    ],
    [
      'credentials of gcloud',
      JSON.stringify({ type: 'authorized_user', refresh_token: '1//x' }),
      'credential',
    ],
    [
      'credentials of google_workspace_mcp',
      JSON.stringify({ token: 'ya29', refresh_token: '1//x' }),
      'credential',
    ],
    ['a client of another type', JSON.stringify({ android: { client_id: id } }), 'another-type'],
    ['a client without its id', JSON.stringify({ installed: { client_secret: 's' } }), 'no-id'],
    ['a client whose id is no text', JSON.stringify({ web: { client_id: 7 } }), 'no-id'],
    ['a client that is none', JSON.stringify({ web: null }), 'no-id'],
    ['anything else', JSON.stringify({ servers: {} }), 'something-else'],
  ];
  for (const [what, text, found] of others) {
    it(`is not ${what}`, () => {
      assert.deepEqual(parseClientFile(text), { kind: 'other', found });
    });
  }
});

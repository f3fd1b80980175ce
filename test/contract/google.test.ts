import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { FormBrowser } from '../support/form-browser.js';
import { googleClient } from '../support/google/google-clients.js';
import { startGoogle, type TestGoogle } from '../support/google/google-server.js';
import { alice } from '../support/google/google-users.js';
import { libraryClient, signIn } from '../support/google/library-client.js';
import type { TestUser } from '../support/test-users.js';

const gmail = 'https://www.googleapis.com/auth/gmail.readonly';
const emailScope = 'https://www.googleapis.com/auth/userinfo.email';

const browserOf = ({ email, password }: TestUser, unticks?: RegExp) =>
  new FormBrowser({ username: email, password, decision: 'allow', ...(unticks && { unticks }) });

describe('the stand-in for Google', () => {
  const desktop = googleClient();
  const testing = googleClient({ status: 'testing' });
  const web = googleClient({ kind: 'web', redirectUris: ['http://127.0.0.1:8765/callback'] });
  let google: TestGoogle;

  beforeEach(async () => {
    google = await startGoogle({ clients: [desktop, testing, web] });
  });
  afterEach(() => google.close());

  it('signs a person in, and says who it is and what was granted, all in full', async () => {
    const client = libraryClient(google, desktop);
    const tokens = await signIn(client, browserOf(alice), ['openid', 'email', gmail]);
    assert.match(tokens.access_token ?? '', /^ya29\./);
    assert.match(tokens.refresh_token ?? '', /^1\/\//);
    assert.deepEqual(tokens.scope?.split(' ').sort(), [gmail, emailScope, 'openid'].sort());
    const { payload = {} } = {
      ...(await client.verifyIdToken({ idToken: tokens.id_token ?? '', audience: desktop.id })),
      payload: decodeJwt(tokens.id_token ?? ''),
    };
    assert.equal(payload.sub, alice.subject);
    assert.equal(payload['email'], alice.email);
  });
});

import assert from 'node:assert/strict';
import { Secret } from '../../../src/core/secret.js';
import { CredentialVault } from '../../../src/vault/credentials.js';
import { FormBrowser } from '../../support/form-browser.js';
import { Profile } from '../window.js';

const issuer = 'https://accounts.example.com';
const client = {
  issuer,
  clientId: 'ours',
  clientSecret: new Secret('a-client-secret-of-some-length'),
  authMethod: 'client_secret_post',
  source: 'entered',
} as const;

describe('a client that the user has made', () => {
  let profile: Profile;
  beforeEach(() => {
    profile = new Profile();
  });
  afterEach(() => profile.close());

  const clients = () =>
    profile.window(new FormBrowser({ username: 'alice', password: 'alice', decision: 'allow' })).broker
      .ownClients;

  it('is kept for each person whose grant is imported with it, one after the other', async () => {
    const own = clients();
    for (const email of ['alice@example.com', 'bob@example.com', 'alice@example.com'])
      await own.extend(client, email);
    const [rule, ...others] = own.list(issuer);
    assert.deepEqual([rule?.emails, others], [['alice@example.com', 'bob@example.com'], []]);
    for (const email of ['alice@example.com', 'bob@example.com'])
      assert.equal((await own.clientFor(issuer, email))?.client.clientId, 'ours');
  });

  it('is kept for all whose grants are imported at once', async () => {
    const own = clients();
    await own.add(client, { emails: [], domains: [], isDefault: false });
    const emails = ['alice@example.com', 'bob@example.com'];
    await Promise.all(emails.map((email) => own.extend(client, email)));
    assert.deepEqual(own.list(issuer)[0]?.emails, emails);
  });

  it('is kept in the place of what was typed in for a server whose settings name it', async () => {
    const vault = new CredentialVault({ ...profile.vaultParts(), closing: AbortSignal.abort() });
    const before = new Secret('a-client-secret-that-is-another-one-now');
    await vault.putClient({ ...client, clientSecret: before, source: 'configured' });
    const own = clients();
    await own.extend(client, 'alice@example.com');
    const found = (await own.clientFor(issuer, 'alice@example.com'))?.client;
    assert.deepEqual([found?.source, found?.clientSecret?.equals(client.clientSecret)], ['entered', true]);
  });

  it('stays with those whom the user has named, when it is extended', async () => {
    const own = clients();
    await own.add(client, { emails: [], domains: ['example.org'], isDefault: true });
    await own.extend(client, 'alice@example.com');
    assert.deepEqual(own.list(issuer), [
      { issuer, clientId: 'ours', emails: ['alice@example.com'], domains: ['example.org'], isDefault: true },
    ]);
  });
});

import assert from 'node:assert/strict';
import { keyOf, keyText, type LiveCredential } from '../../src/core/credential.js';
import { hasCode } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { CredentialVault, keyOfEntry } from '../../src/vault/credentials.js';
import { FakeMemento } from '../support/fake-memento.js';
import { FakeSecretStore } from '../support/fake-secret-store.js';
import { RecordingLog } from '../support/recording-log.js';

const issuer = 'https://as.example.com';
const credentialOf = (subject: string): LiveCredential => ({
  account: { issuer, subject, label: `${subject}@example.com` },
  client: {
    issuer,
    clientId: 'c',
    clientSecret: new Secret('client-secret-1'),
    authMethod: 'client_secret_post',
    source: 'dynamic',
  },
  resource: 'https://mcp.example.com/mcp',
  generation: 1,
  scopes: ['a'],
  tokens: {
    kind: 'alive',
    accessToken: new Secret(`access-${subject}`),
    refreshToken: new Secret(`refresh-${subject}`),
    issuedAtMs: 0,
  },
});
const alice = credentialOf('alice');
const bob = credentialOf('bob');

describe('the vault', () => {
  let secrets: FakeSecretStore;
  let memento: FakeMemento;
  let log: RecordingLog;
  let vault: CredentialVault;

  beforeEach(() => {
    [secrets, memento, log] = [new FakeSecretStore(), new FakeMemento(), new RecordingLog()];
    vault = new CredentialVault(secrets, memento, log);
  });

  const nameOf = (credential: LiveCredential) => `credential:${keyText(keyOf(credential))}`;

  it('gives back what was put, and knows of it without the secrets', async () => {
    await vault.put(alice);
    await vault.put(bob);
    const back = await vault.get(keyOf(alice));
    assert.ok(back?.tokens.kind === 'alive');
    assert.equal(back.tokens.refreshToken?.reveal(), 'refresh-alice');
    const { account, client, resource } = alice;
    assert.deepEqual(vault.list()[0], { account, clientId: client.clientId, resource });
    assert.deepEqual(vault.list().map(keyOfEntry), [keyOf(alice), keyOf(bob)]);
  });

  it('writes no secret into globalState', async () => {
    await vault.put(alice);
    await vault.putClient(alice.client);
    assert.doesNotMatch(memento.text, /access-|refresh-|client-secret/);
  });

  it('forgets what is removed, and nothing else', async () => {
    await vault.put(alice);
    await vault.put(bob);
    await vault.remove(keyOf(alice));
    assert.equal(await vault.get(keyOf(alice)), undefined);
    assert.deepEqual(
      vault.list().map(({ account }) => account.subject),
      ['bob'],
    );
    assert.deepEqual([...secrets.values.keys()], [nameOf(bob)]);
  });

  it('still knows the account when the keyring has dropped its secret', async () => {
    await vault.put(alice);
    secrets.values.clear();
    assert.equal(await vault.get(keyOf(alice)), undefined);
    assert.equal(vault.list().length, 1);
  });

  it('sets a damaged record aside, reports it without its text, and goes on with the others', async () => {
    await vault.put(alice);
    await vault.put(bob);
    const damaged = '{"refreshToken":"refresh-alice"';
    secrets.values.set(nameOf(alice), damaged);
    assert.equal(await vault.get(keyOf(alice)), undefined);
    assert.equal((await vault.get(keyOf(bob)))?.account.subject, 'bob');
    assert.equal(secrets.values.get(`damaged:${nameOf(alice)}`), damaged);
    assert.ok(!secrets.values.has(nameOf(alice)));
    assert.equal(log.at('error').length, 1);
    assert.doesNotMatch(log.text, /refresh-alice/);
  });

  it('reports a damaged record also when it cannot be set aside, and leaves it where it is', async () => {
    secrets.values.set(nameOf(alice), '{');
    secrets.failNext('store');
    assert.equal(await vault.get(keyOf(alice)), undefined);
    assert.ok(secrets.values.has(nameOf(alice)));
  });

  it('does not take a record for what its name says', async () => {
    await vault.put(bob);
    secrets.values.set(nameOf(alice), secrets.values.get(nameOf(bob)) ?? '');
    assert.equal(await vault.get(keyOf(alice)), undefined);
    assert.match(log.text, /names another credential/);
  });

  it('says when the keyring did not take a credential, or the index its entry', async () => {
    secrets.failNext('store');
    await assert.rejects(vault.put(alice), (error) => hasCode(error, 'vault_write_failed'));
    memento.failNext();
    await assert.rejects(vault.put(alice), (error) => hasCode(error, 'vault_write_failed'));
    await vault.put(alice);
  });

  it('keeps our registration per issuer, and sets a damaged one aside', async () => {
    await vault.putClient(alice.client);
    assert.equal((await vault.client(issuer))?.clientSecret?.reveal(), 'client-secret-1');
    assert.equal(await vault.client(`${issuer}/`), undefined);
    secrets.values.set(`client:${issuer}`, '{}');
    assert.equal(await vault.client(issuer), undefined);
    await vault.putClient(alice.client);
    await vault.removeClient(issuer);
    assert.equal(await vault.client(issuer), undefined);
  });
});

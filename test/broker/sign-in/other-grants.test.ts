import assert from 'node:assert/strict';
import type { Client } from '../../../src/core/client.js';
import { Secret } from '../../../src/core/secret.js';
import { CredentialVault } from '../../../src/vault/credentials.js';
import { noQuestions } from '../../support/no-questions.js';
import { ScriptedIssuer } from '../scripted-issuer.js';
import { notes, Profile, serverAt } from '../window.js';

describe('a sign-in for a resource that an earlier version has written as the user did', () => {
  const typed = 'HTTPS://MCP.Example.com:443/mcp';
  let issuer: ScriptedIssuer;
  let profile: Profile;

  beforeEach(async () => {
    issuer = await ScriptedIssuer.start();
    profile = new Profile();
    profile.fetch = (url, init) =>
      url.startsWith(issuer.issuer) ? fetch(url, init) : Promise.resolve(new Response('', { status: 404 }));
    profile.questions = { ...noQuestions, proof: () => Promise.resolve(new Secret('secret')) };
  });
  afterEach(async () => {
    await profile.close();
    await issuer.close();
  });

  it('takes the place of what was granted before, for a client of the settings, too', async () => {
    const grant = { kind: 'client_credentials' } as const;
    const client: Client = {
      issuer: issuer.issuer,
      clientId: 'ours',
      authMethod: 'none',
      source: 'configured',
    };
    const account = { issuer: issuer.issuer, subject: 'ours', label: 'ours' };
    await profile.keep(issuer.credential(profile.clock.nowMs(), { account, client, grant, resource: typed }));
    issuer.failNext({ status: 200, body: { access_token: 'access-9', token_type: 'Bearer' } });
    const { broker } = profile.window();
    const auth = { issuer: issuer.issuer, clientId: 'ours', grant };
    await broker.setServers([serverAt(typed, auth)]);
    await broker.signIn(notes, 'any');
    assert.equal((await broker.accessToken(notes)).token.reveal(), 'access-9');
    const vault = new CredentialVault({ ...profile.vaultParts(), closing: AbortSignal.abort() });
    await vault.open();
    assert.deepEqual(
      vault.list().map(({ resource }) => resource),
      ['https://mcp.example.com/mcp'],
    );
  });
});

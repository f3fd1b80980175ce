import assert from 'node:assert/strict';
import { hasCode } from '../../../src/core/errors.js';
import { Secret } from '../../../src/core/secret.js';
import { noQuestions } from '../../support/no-questions.js';
import { resource, ScriptedIssuer } from '../scripted-issuer.js';
import { notes, Profile, serverAt } from '../window.js';

describe('a sign-in where one credential serves all servers of an account', () => {
  let issuer: ScriptedIssuer;
  let profile: Profile;

  beforeEach(async () => {
    issuer = await ScriptedIssuer.start();
    profile = new Profile();
    const { origin } = new URL(resource);
    profile.drivers = [
      {
        quirk: { issuer: issuer.issuer, reason: 'test', noAudience: { origins: [origin] } },
        grantKinds: [],
        usualScopes: [],
        missingScopes: () => [],
        scopeText: () => undefined,
        refusalReason: () => undefined,
        request: () => Promise.reject(new Error('Nobody asked for a grant.')),
      },
    ];
    profile.fetch = (url, init) =>
      url.startsWith(origin)
        ? Promise.resolve(Response.json({ resource, authorization_servers: [issuer.issuer] }))
        : fetch(url, init);
    profile.questions = { ...noQuestions, proof: () => Promise.resolve(new Secret('secret')) };
  });
  afterEach(async () => {
    await profile.close();
    await issuer.close();
  });

  /** Puts one credential of alice for each of `clientIds` where an earlier run has left them. */
  async function keepFor(...clientIds: readonly string[]): Promise<void> {
    for (const clientId of clientIds) {
      const client = { issuer: issuer.issuer, clientId, authMethod: 'none', source: 'entered' } as const;
      const { tokens, ...one } = issuer.credential(profile.clock.nowMs(), {
        client,
        resource: issuer.issuer,
      });
      await profile.keep({ ...one, tokens: { ...tokens, accessToken: new Secret(`for ${clientId}`) } });
    }
  }

  it('uses that of the client of the settings, and not one that came later for another', async () => {
    await keepFor('ours', 'another');
    const { broker } = profile.window();
    await broker.setServers([serverAt(undefined, { clientId: 'ours' })]);
    await broker.signIn(notes, 'any');
    assert.equal((await broker.accessToken(notes)).token.reveal(), 'for ours');
  });

  it('asks the user where there is only that of another client than the one of the settings', async () => {
    await keepFor('another');
    const opened: string[] = [];
    const { broker } = profile.window((url: string) => {
      opened.push(new URL(url).searchParams.get('client_id') ?? '');
      return Promise.resolve(false);
    });
    await broker.setServers([serverAt(undefined, { clientId: 'ours' })]);
    await assert.rejects(broker.signIn(notes, 'any'), (error) => hasCode(error, 'browser_unavailable'));
    assert.deepEqual(opened, ['ours']);
  });
});

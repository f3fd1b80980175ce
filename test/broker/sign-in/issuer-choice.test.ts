import assert from 'node:assert/strict';
import { hasCode } from '../../../src/core/errors.js';
import type { ServerId } from '../../../src/core/server.js';
import type { Questions } from '../../../src/core/questions.js';
import {
  startAuthorizationServer,
  type TestAuthorizationServer,
} from '../../support/authorization-server.js';
import { FormBrowser } from '../../support/form-browser.js';
import { noQuestions } from '../../support/no-questions.js';
import { ScriptedResource } from '../../support/scripted-resource.js';
import { notes, Profile, serverAt } from '../window.js';

describe('a resource with two authorization servers (RFC 9728 §7.6)', () => {
  let issuers: readonly TestAuthorizationServer[];
  let names: readonly string[];
  let resource: ScriptedResource;
  let profile: Profile;
  let asked: (readonly string[])[];

  before(async () => {
    issuers = [await startAuthorizationServer(), await startAuthorizationServer()];
    names = issuers.map(({ issuer }) => issuer);
    resource = await ScriptedResource.start(names[0] ?? '');
    resource.metadata = { authorization_servers: names };
  });
  beforeEach(() => {
    profile = new Profile();
    asked = [];
  });
  afterEach(() => profile.close());
  after(async () => {
    await resource.close();
    for (const issuer of issuers) await issuer.close();
  });

  /** A user who chooses what `choose` picks. */
  function window(choose: (offered: readonly string[]) => string | undefined = () => undefined) {
    const issuer: Questions['issuer'] = (_server, offered) => {
      asked.push(offered);
      return Promise.resolve(choose(offered));
    };
    profile.questions = { ...noQuestions, issuer };
    return profile.window(new FormBrowser({ username: 'alice', password: 'alice', decision: 'allow' }));
  }

  it('lets the user choose once', async () => {
    const { broker } = window(([, second]) => second);
    await broker.setServers([serverAt(resource.url)]);
    assert.equal((await broker.signIn(notes, 'any')).issuer, names[1]);
    assert.equal((await broker.signIn(notes, 'any')).issuer, names[1]);
    assert.deepEqual(asked, [names]);
  });

  it('lets an account that signs in again do so at its own, although somebody is known at the other, too', async () => {
    let turn = 0;
    const { broker } = window((offered) => offered[turn++ % 2]);
    const other = 'other' as ServerId;
    await broker.setServers([
      serverAt(resource.url),
      serverAt(resource.url, { issuer: names[0] ?? '' }, other),
    ]);
    await broker.signIn(other, 'any');
    await broker.setServers([serverAt(resource.url, { issuer: names[1] ?? '' })]);
    await broker.signIn(notes, 'any');
    await broker.setServers([serverAt(resource.url)]);
    assert.equal(broker.account(notes)?.issuer, names[1]);
    assert.equal((await broker.signIn(notes, 'same')).issuer, names[1]);
    assert.deepEqual(asked, []);
  });

  it('asks nobody who has said so in the settings, with or without a slash', async () => {
    const { broker } = window();
    await broker.setServers([serverAt(resource.url, { issuer: `${names[1] ?? ''}/` })]);
    assert.equal((await broker.signIn(notes, 'any')).issuer, names[1]);
    assert.deepEqual(asked, []);
  });

  it('refuses one of the settings that it does not name', async () => {
    const { broker } = window();
    await broker.setServers([serverAt(resource.url, { issuer: 'https://elsewhere.example' })]);
    await assert.rejects(broker.signIn(notes, 'any'), (error) => hasCode(error, 'issuer_not_offered'));
  });

  it('asks nobody about one that is named twice, with and without a slash', async () => {
    const [name = ''] = names;
    resource.metadata = { authorization_servers: [name, `${name}/`, name] };
    try {
      const { broker } = window();
      await broker.setServers([serverAt(resource.url)]);
      assert.equal((await broker.signIn(notes, 'any')).issuer, name);
      resource.metadata = { authorization_servers: [`${name}/`, name] };
      assert.equal((await broker.signIn(notes, 'same')).issuer, name);
      assert.deepEqual(asked, []);
    } finally {
      resource.metadata = { authorization_servers: names };
    }
  });

  it('tells no account of the one to the other, which the server has named in its place', async () => {
    const [one = '', two = ''] = names;
    resource.metadata = { authorization_servers: [one] };
    try {
      const { broker, visits } = window();
      await broker.setServers([serverAt(resource.url)]);
      await broker.signIn(notes, 'any');
      await broker.signIn(notes, 'same');
      resource.metadata = { authorization_servers: [two] };
      await broker.signIn(notes, 'same');
      const asked = (await Promise.all(visits)).map(({ visited }) => new URL(visited[0] ?? ''));
      assert.deepEqual(
        asked.map(({ origin, searchParams }) => [origin, searchParams.get('login_hint')]),
        [
          [one, null],
          [one, 'alice@example.com'],
          [two, null],
        ],
      );
    } finally {
      resource.metadata = { authorization_servers: names };
    }
  });

  it('does not sign in when the user leaves the question', async () => {
    const { broker, visits } = window();
    await broker.setServers([serverAt(resource.url)]);
    await assert.rejects(broker.signIn(notes, 'any'), (error) => hasCode(error, 'sign_in_cancelled'));
    assert.deepEqual(visits, []);
  });
});

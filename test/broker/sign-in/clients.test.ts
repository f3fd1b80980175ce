import assert from 'node:assert/strict';
import type { ClientMetadata } from 'oidc-provider';
import { hasCode, type ErrorCode } from '../../../src/core/errors.js';
import type { ClientProof } from '../../../src/core/questions.js';
import { Secret } from '../../../src/core/secret.js';
import {
  startAuthorizationServer,
  type TestAuthorizationServer,
} from '../../support/authorization-server.js';
import { FormBrowser } from '../../support/form-browser.js';
import { noQuestions } from '../../support/no-questions.js';
import { ScriptedResource } from '../../support/scripted-resource.js';
import { notes, Profile, serverAt } from '../window.js';

const secret = 'a-client-secret-of-some-length';
const documentUrl = 'https://client.example/metadata.json';

const confidential: ClientMetadata = {
  client_id: 'our-client',
  client_secret: secret,
  token_endpoint_auth_method: 'client_secret_basic',
  application_type: 'native',
  redirect_uris: ['http://127.0.0.1/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
};

const document: ClientMetadata = {
  client_id: documentUrl,
  client_name: 'MCP Credential Broker',
  redirect_uris: ['http://127.0.0.1/callback'],
  application_type: 'native',
  grant_types: ['authorization_code', 'refresh_token'],
  token_endpoint_auth_method: 'none',
};

const fails = (work: Promise<unknown>, code: ErrorCode) =>
  assert.rejects(work, (error) => hasCode(error, code));

describe('the client that we are at an issuer', () => {
  let profile: Profile;
  const closing: (() => Promise<void>)[] = [];

  beforeEach(() => {
    profile = new Profile();
  });
  afterEach(async () => {
    await profile.close();
    for (const close of closing.splice(0)) await close();
  });

  async function issuerWith(options: Parameters<typeof startAuthorizationServer>[0]) {
    const issuer = await startAuthorizationServer({ accessTokenSeconds: 60, ...options });
    closing.push(() => issuer.close());
    return issuer;
  }

  async function resourceOf(issuer: TestAuthorizationServer) {
    const resource = await ScriptedResource.start(issuer.issuer);
    closing.push(resource.close);
    return resource;
  }

  const window = () =>
    profile.window(new FormBrowser({ username: 'alice', password: 'alice', decision: 'allow' }));

  /** Answers each question for a secret with the next of `answers`. */
  function tell(...answers: readonly (string | undefined)[]) {
    const asked: (readonly [string, string, ClientProof])[] = [];
    profile.questions = {
      ...noQuestions,
      proof: (_server, issuer, clientId, what) => {
        const answer = answers[asked.length];
        asked.push([issuer, clientId, what]);
        return Promise.resolve(answer === undefined ? undefined : new Secret(answer));
      },
    };
    return asked;
  }

  describe('when the settings name one with a secret', () => {
    const auth = { clientId: 'our-client', clientAuthentication: 'client_secret_basic' } as const;

    it('asks for the secret once, and proves itself with it', async () => {
      const issuer = await issuerWith({ clients: [confidential], registration: false });
      const { url } = await resourceOf(issuer);
      const asked = tell(secret);
      const { broker } = window();
      await broker.setServers([serverAt(url, auth)]);
      await broker.signIn(notes, 'any');
      await broker.signOut(notes);
      await broker.signIn(notes, 'any');
      assert.deepEqual(asked, [[issuer.issuer, 'our-client', 'client secret']]);
      assert.equal(issuer.counts().codesExchanged, 2);
    });

    it('asks again after the issuer has refused it', async () => {
      const issuer = await issuerWith({ clients: [confidential], registration: false });
      const { url } = await resourceOf(issuer);
      const asked = tell('mistyped', secret);
      const { broker } = window();
      await broker.setServers([serverAt(url, auth)]);
      await fails(broker.signIn(notes, 'any'), 'client_refused');
      await broker.signIn(notes, 'any');
      assert.equal(asked.length, 2);
    });

    it('opens no browser when the user has no secret to say', async () => {
      const issuer = await issuerWith({ clients: [confidential], registration: false });
      const { url } = await resourceOf(issuer);
      tell(undefined);
      const { broker, visits } = window();
      await broker.setServers([serverAt(url, auth)]);
      await fails(broker.signIn(notes, 'any'), 'sign_in_cancelled');
      assert.deepEqual(visits, []);
    });

    it('does not take it to an authorization server that the resource names later', async () => {
      const issuer = await issuerWith({ clients: [confidential], registration: false });
      const other = await issuerWith({ clients: [confidential] });
      const resource = await resourceOf(issuer);
      const asked = tell(secret, secret);
      const { broker } = window();
      await broker.setServers([serverAt(resource.url, auth)]);
      await broker.signIn(notes, 'any');
      resource.metadata = { authorization_servers: [other.issuer] };
      await fails(broker.signIn(notes, 'same'), 'client_elsewhere');
      await fails(broker.signIn(notes, 'any'), 'client_elsewhere');
      assert.deepEqual([asked.length, other.events.length], [1, 0]);
      // The user says so in the settings, and is asked for the secret of the other place.
      await broker.setServers([serverAt(resource.url, { ...auth, issuer: other.issuer })]);
      await broker.signIn(notes, 'any');
      assert.equal(asked[1]?.[0], other.issuer);
    });
  });

  it('is registered anew at an authorization server that has come in the place of another', async () => {
    const [issuer, other] = [await issuerWith({}), await issuerWith({})];
    const resource = await resourceOf(issuer);
    const { broker } = window();
    await broker.setServers([serverAt(resource.url)]);
    const before = await broker.signIn(notes, 'any');
    resource.metadata = { authorization_servers: [other.issuer] };
    const account = await broker.signIn(notes, 'same');
    assert.deepEqual([before.issuer, account.issuer], [issuer.issuer, other.issuer]);
    const clientAt = ({ events }: TestAuthorizationServer) =>
      events.find(({ kind }) => kind === 'code-exchanged')?.clientId;
    assert.deepEqual([issuer.counts().registrations, other.counts().registrations], [1, 1]);
    assert.notEqual(clientAt(issuer), clientAt(other));
  });

  describe('when the issuer takes metadata documents', () => {
    it('is our document, if there is one', async () => {
      const issuer = await issuerWith({ clientDocuments: [document] });
      const { url } = await resourceOf(issuer);
      profile.rules = { ...profile.rules, clientMetadataUrl: () => documentUrl };
      const { broker } = window();
      await broker.setServers([serverAt(url)]);
      await broker.signIn(notes, 'any');
      assert.equal(issuer.counts().registrations, 0);
      assert.equal(issuer.events.find(({ kind }) => kind === 'code-exchanged')?.clientId, documentUrl);
    });

    it('is registered when we have none', async () => {
      const issuer = await issuerWith({ clientDocuments: [document] });
      const { url } = await resourceOf(issuer);
      const { broker } = window();
      await broker.setServers([serverAt(url)]);
      await broker.signIn(notes, 'any');
      assert.equal(issuer.counts().registrations, 1);
    });
  });

  it('is registered although we have a document, where documents are not taken', async () => {
    const issuer = await issuerWith({});
    const { url } = await resourceOf(issuer);
    profile.rules = { ...profile.rules, clientMetadataUrl: () => documentUrl };
    const { broker } = window();
    await broker.setServers([serverAt(url)]);
    await broker.signIn(notes, 'any');
    assert.equal(issuer.counts().registrations, 1);
  });

  describe('when nothing else is left', () => {
    it('is what the user enters, once', async () => {
      const issuer = await issuerWith({ clients: [confidential], registration: false });
      const { url } = await resourceOf(issuer);
      let asked = 0;
      profile.questions = {
        ...noQuestions,
        client: () => {
          asked += 1;
          return Promise.resolve({ clientId: 'our-client', clientSecret: new Secret(secret) });
        },
      };
      const { broker } = window();
      await broker.setServers([serverAt(url)]);
      await broker.signIn(notes, 'any');
      await broker.signOut(notes);
      await broker.signIn(notes, 'any');
      assert.equal(asked, 1);
    });

    it('is nobody when the user leaves the question', async () => {
      const issuer = await issuerWith({ registration: false });
      const { url } = await resourceOf(issuer);
      profile.questions = { ...noQuestions, client: () => Promise.resolve(undefined) };
      const { broker, visits } = window();
      await broker.setServers([serverAt(url)]);
      await fails(broker.signIn(notes, 'any'), 'sign_in_cancelled');
      assert.deepEqual(visits, []);
    });
  });
});

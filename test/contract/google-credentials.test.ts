import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { type AuthClient, GoogleAuth, Impersonated, JWT } from 'google-auth-library';
import { FormBrowser } from '../support/form-browser.js';
import {
  authorizedUserFile,
  externalAccountFile,
  workforceUserFile,
} from '../support/google/credential-files.js';
import { googleClient } from '../support/google/google-clients.js';
import { startGoogle, type TestGoogle } from '../support/google/google-server.js';
import { alice } from '../support/google/google-users.js';
import { libraryClient, signIn } from '../support/google/library-client.js';
import { fetchAt } from '../support/google/mapped-fetch.js';
import { scratchFolder } from '../support/scratch-folder.js';

const cloud = 'https://www.googleapis.com/auth/cloud-platform';
const gmail = 'https://www.googleapis.com/auth/gmail.readonly';

describe('credentials of Google other than a person’s sign-in, with Google’s own library', () => {
  const client = googleClient();
  let google: TestGoogle;

  beforeEach(async () => {
    google = await startGoogle({ clients: [client] });
  });
  afterEach(() => google.close());

  /** A client made from a file, as the library makes it for whoever has set GOOGLE_APPLICATION_CREDENTIALS. */
  async function fromFile(
    text: string,
    options: { scopes?: string; subject?: string } = {},
  ): Promise<AuthClient> {
    const keyFile = join(scratchFolder(), 'credentials.json');
    writeFileSync(keyFile, text);
    const auth = new GoogleAuth({
      keyFile,
      scopes: options.scopes ?? cloud,
      clientOptions: {
        transporterOptions: { fetchImplementation: fetchAt(google) },
        ...(options.subject === undefined ? {} : { subject: options.subject }),
      },
    });
    return auth.getClient();
  }

  async function bearerOf(from: AuthClient) {
    const { token } = await from.getAccessToken();
    return google.inspect(token ?? '');
  }

  async function personsFile(): Promise<string> {
    const browser = new FormBrowser({ username: alice.email, password: alice.password, decision: 'allow' });
    const { refresh_token: refreshToken } = await signIn(libraryClient(google, client), browser, [
      'email',
      cloud,
    ]);
    return authorizedUserFile(client, refreshToken ?? '', 'my-project');
  }

  it('are a person’s, as gcloud keeps them', async () => {
    const from = await fromFile(await personsFile());
    const bearer = await bearerOf(from);
    assert.deepEqual([bearer?.email, bearer?.kind], [alice.email, 'person']);
    assert.equal(from.quotaProjectId, 'my-project');
  });

  it('are a service account’s', async () => {
    const account = google.addServiceAccount('robot');
    const bearer = await bearerOf(await fromFile(account.keyFile));
    assert.deepEqual(
      [bearer?.email, bearer?.kind, bearer?.scopes],
      [account.email, 'service-account', [cloud]],
    );
  });

  it('are a person’s by domain-wide delegation, for what the domain has allowed', async () => {
    const account = google.addServiceAccount('robot', {
      delegation: { domain: 'example.com', scopes: [gmail] },
    });
    const bearer = async (subject: string, scopes: string) =>
      bearerOf(await fromFile(account.keyFile, { subject, scopes }));
    assert.equal((await bearer(alice.email, gmail))?.subject, alice.subject);
    await assert.rejects(bearer(alice.email, cloud), /unauthorized_client/);
    await assert.rejects(bearer('carol@gmail.com', gmail), /unauthorized_client/);
    await assert.rejects(bearer('nobody@example.com', gmail), /Invalid email or User ID/);
  });

  it('are refused with a key that is not the account’s', async () => {
    const [own, other] = [google.addServiceAccount('robot'), google.addServiceAccount('other')];
    const forged = {
      ...(JSON.parse(own.keyFile) as object),
      private_key: (JSON.parse(other.keyFile) as { private_key: string }).private_key,
    };
    await assert.rejects(bearerOf(await fromFile(JSON.stringify(forged))), /Invalid JWT Signature/);
  });

  it('are a service account’s ID token for an audience', async () => {
    const account = google.addServiceAccount('robot');
    const from = await fromFile(account.keyFile);
    assert.ok(from instanceof JWT);
    const token = await from.fetchIdToken('https://tickets.run.app');
    assert.deepEqual(await google.idTokens.judge(token, ['https://tickets.run.app']), {
      subject: account.uniqueId,
      email: account.email,
    });
    assert.equal(await google.idTokens.judge(token, ['https://other.run.app']), 'other-audience');
  });

  it('are an impersonated service account’s, for whoever may act as it', async () => {
    const robot = google.addServiceAccount('robot', { tokenCreators: [alice.email] });
    const closed = google.addServiceAccount('closed');
    const sourceClient = await fromFile(await personsFile());
    const acting = (targetPrincipal: string) =>
      new Impersonated({
        sourceClient,
        targetPrincipal,
        targetScopes: [cloud],
        endpoint: google.addresses.iamCredentials,
      });
    const bearer = await bearerOf(acting(robot.email));
    assert.deepEqual([bearer?.email, bearer?.scopes], [robot.email, [cloud]]);
    const idToken = await acting(robot.email).fetchIdToken('https://tickets.run.app');
    assert.equal(decodeJwt(idToken).aud, 'https://tickets.run.app');
    await assert.rejects(bearerOf(acting(closed.email)), /getAccessToken' denied/);
  });

  it('are a workload’s, by itself and as a service account', async () => {
    const pool = google.addWorkloadPool('ci');
    const tokenFile = join(scratchFolder(), 'token');
    writeFileSync(tokenFile, await pool.subjectToken('build-17'));
    const own = await bearerOf(
      await fromFile(externalAccountFile(pool, tokenFile, undefined, google.addresses)),
    );
    assert.match(own?.subject ?? '', /^principal:.*\/subject\/build-17$/);
    const robot = google.addServiceAccount('robot', { tokenCreators: [own?.subject ?? ''] });
    const acting = await bearerOf(
      await fromFile(externalAccountFile(pool, tokenFile, robot.email, google.addresses)),
    );
    assert.equal(acting?.email, robot.email);
    writeFileSync(tokenFile, await pool.subjectToken('build-17', -60));
    await assert.rejects(
      bearerOf(await fromFile(externalAccountFile(pool, tokenFile, undefined, google.addresses))),
      /invalid_grant/,
    );
  });

  it('are a workforce’s, as gcloud keeps them', async () => {
    const login = google.addWorkforceLogin('alice');
    assert.match(
      (await bearerOf(await fromFile(workforceUserFile(login))))?.subject ?? '',
      /subject\/alice$/,
    );
  });
});

describe('what Google’s own library is known to do', () => {
  const client = googleClient();
  let google: TestGoogle;
  let refreshToken: string;

  beforeEach(async () => {
    google = await startGoogle({ clients: [client] });
    const browser = new FormBrowser({ username: alice.email, password: alice.password, decision: 'allow' });
    refreshToken =
      (await signIn(libraryClient(google, client), browser, ['email', gmail])).refresh_token ?? '';
  });
  afterEach(() => google.close());

  const holder = (options: object = {}) => {
    const from = libraryClient(google, client, options);
    from.setCredentials({ refresh_token: refreshToken });
    return from;
  };
  const posts = () => google.requests.filter((each) => each === 'POST /token').length;

  it('repeats a token request that failed', async () => {
    const before = posts();
    google.failNext('token', { status: 503, body: {} });
    assert.ok((await holder().getAccessToken()).token);
    assert.equal(posts() - before, 2);
  });

  it('repeats a token request whose answer was lost', async () => {
    const before = posts();
    google.failNext('token', 'lostAnswer');
    assert.ok((await holder().getAccessToken()).token);
    assert.equal(posts() - before, 2);
  });

  it('does not repeat one that was refused', async () => {
    await google.revokeAccess(alice.subject);
    const before = posts();
    await assert.rejects(holder().getAccessToken(), /invalid_grant/);
    assert.equal(posts() - before, 1);
  });

  it('waits for a silent server for as long as it is silent, unless it is told otherwise', async () => {
    google.failNext('token', 'hang', 2);
    const waiting = Promise.race([
      holder().getAccessToken(),
      new Promise((resolve) => setTimeout(resolve, 1_000, 'still waiting')),
    ]);
    assert.equal(await waiting, 'still waiting');
    await assert.rejects(holder({ transporterOptions: { timeout: 200, retry: false } }).getAccessToken());
  });

  it('forgets a rotated refresh token after it has told it once', async () => {
    google.setRotation(true);
    const from = holder();
    let told: string | null | undefined;
    from.on('tokens', (tokens) => (told = tokens.refresh_token));
    await from.refreshAccessToken();
    assert.match(told ?? '', /^1\/\//);
    assert.notEqual(told, refreshToken);
    assert.equal(from.credentials.refresh_token, refreshToken);
  });
});

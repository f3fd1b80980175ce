import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '../../../src/core/client.js';
import { hasCode } from '../../../src/core/errors.js';
import type { Grant } from '../../../src/core/grant.js';
import { Secret } from '../../../src/core/secret.js';
import { CredentialVault } from '../../../src/vault/credentials.js';
import { listen, readBody } from '../../support/listener.js';
import { noQuestions } from '../../support/no-questions.js';
import { ScriptedResource } from '../../support/scripted-resource.js';
import { ScriptedIssuer } from '../scripted-issuer.js';
import { notes, Profile, serverAt } from '../window.js';

type Form = Readonly<Record<string, string>>;
type Answer = readonly [status: number, body: object];

const invalidClient: Answer = [401, { error: 'invalid_client', error_description: 'No such client.' }];

/** A token endpoint that answers as the test says, once it has looked at the form and at who asks. */
class TokenDesk {
  readonly asked: { readonly form: Form; readonly basic: string | undefined }[] = [];
  answer: (form: Form, basic: string | undefined) => Answer = () => invalidClient;
  /** What its metadata says about clients; nothing when undefined. */
  methods: readonly string[] | undefined;

  private constructor(
    readonly issuer: string,
    readonly close: () => Promise<void>,
  ) {}

  static async start(): Promise<TokenDesk> {
    const listener = await listen('127.0.0.1');
    const desk = new TokenDesk(listener.origin, () => listener.close());
    listener.serve(async (req, res) => {
      const [status, body] = desk.#reply(req, await readBody(req));
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    return desk;
  }

  #reply({ url, headers }: IncomingMessage, body: string): Answer {
    const { issuer, methods } = this;
    if (url === '/.well-known/oauth-authorization-server')
      return [
        200,
        {
          issuer,
          token_endpoint: `${issuer}/token`,
          ...(methods && { token_endpoint_auth_methods_supported: methods }),
        },
      ];
    if (url !== '/token') return [404, {}];
    const form = Object.fromEntries(new URLSearchParams(body));
    const { authorization } = headers;
    const basic = authorization && Buffer.from(authorization.slice('Basic '.length), 'base64').toString();
    this.asked.push({ form, basic });
    return this.answer(form, basic);
  }
}

describe('a sign-in by a grant that is repeated', () => {
  let profile: Profile;
  let desk: TokenDesk;
  let resource: ScriptedResource;
  const closing: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    profile = new Profile();
    desk = await TokenDesk.start();
    resource = await ScriptedResource.start(desk.issuer);
    closing.push(desk.close, resource.close);
  });
  afterEach(async () => {
    await profile.close();
    for (const close of closing.splice(0)) await close();
  });

  const tokens = (more: object = {}): Answer => [
    200,
    { access_token: `access-${desk.asked.length}`, token_type: 'Bearer', expires_in: 60, ...more },
  ];
  const vault = () => new CredentialVault({ ...profile.vaultParts(), closing: AbortSignal.abort() });
  const own = (issuer: string): Client => ({
    issuer,
    clientId: 'ours',
    clientSecret: new Secret('our-secret'),
    authMethod: 'client_secret_basic',
    source: 'configured',
  });

  /** The user has the answers to these questions for a secret, and to no more. */
  function tell(...answers: readonly (string | undefined)[]) {
    const asked: string[] = [];
    profile.questions = {
      ...noQuestions,
      proof: (_server, issuer, clientId, what) => {
        assert.ok(asked.length < answers.length, 'Asked too often.');
        const answer = answers[asked.length];
        asked.push(`${what} of ${clientId} at ${issuer}`);
        return Promise.resolve(answer === undefined ? undefined : new Secret(answer));
      },
    };
    return asked;
  }

  async function windowFor(grant: Grant) {
    const { broker } = profile.window();
    await broker.setServers([serverAt(resource.url, { clientId: 'ours', grant })]);
    return broker;
  }

  describe('whose answer brings a refresh token (RFC 6749 §4.4.3)', () => {
    const grant: Grant = { kind: 'client_credentials' };

    it('repeats the grant, and spends nothing that could be refused', async () => {
      await vault().putClient(own(desk.issuer));
      desk.answer = ({ grant_type: type }) =>
        type === 'client_credentials'
          ? tokens({ refresh_token: 'refresh-1', refresh_expires_in: 1800 })
          : [400, { error: 'invalid_grant', error_description: 'Token is not active' }];
      const broker = await windowFor(grant);
      await broker.signIn(notes, 'any');
      profile.clock.advance(3_600_000);
      const { token } = await broker.accessToken(notes);
      assert.equal(token.reveal(), `access-${desk.asked.length}`);
      assert.deepEqual(
        [...new Set(desk.asked.map(({ form }) => form['grant_type']))],
        ['client_credentials'],
      );
    });

    it('does so for one that an earlier version has kept', async () => {
      const issuer = await ScriptedIssuer.start();
      closing.push(() => issuer.close());
      const nowMs = profile.clock.nowMs();
      const kept = issuer.credential(nowMs, { grant, client: own(issuer.issuer) });
      const ended = { issuedAtMs: nowMs - 7_200_000, expiresAtMs: nowMs - 3_600_000 };
      await profile.keep({ ...kept, tokens: { ...kept.tokens, ...ended } });
      issuer.failNext({
        status: 200,
        body: { access_token: 'access-9', token_type: 'Bearer', expires_in: 60 },
      });
      const { broker } = profile.window();
      await broker.setServers([serverAt(undefined, { clientId: 'ours', grant })]);
      assert.equal((await broker.accessToken(notes)).token.reveal(), 'access-9');
      assert.deepEqual(
        issuer.tokenRequests.map(({ grant_type: type }) => type),
        ['client_credentials'],
      );
    });
  });

  describe('that a program proves by a file', () => {
    let folder: string;
    let tokenFile: string;
    /** What the token endpoint takes now. */
    let taken: { proof: string; refreshToken: string };

    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'proof-'));
      tokenFile = join(folder, 'token');
      prove('proof-1');
      await vault().putClient(own(desk.issuer));
      desk.answer = ({ grant_type: type, assertion, subject_token: subject, refresh_token: sent }) => {
        const isTaken =
          type === 'refresh_token' ? sent === taken.refreshToken : (assertion ?? subject) === taken.proof;
        if (!isTaken) return [400, { error: 'invalid_grant', error_description: 'It has expired.' }];
        taken.refreshToken = `refresh-${desk.asked.length}`;
        return tokens({ refresh_token: taken.refreshToken, refresh_token_expires_in: 1800 });
      };
    });
    afterEach(() => rmSync(folder, { recursive: true }));

    const prove = (proof: string) => {
      writeFileSync(tokenFile, proof, { mode: 0o600 });
      taken = { proof, refreshToken: '' };
    };
    /** What was asked with, from `first` on. */
    const askedSince = (first: number) =>
      desk.asked
        .slice(first)
        .map(({ form }) => form['refresh_token'] ?? form['assertion'] ?? form['subject_token']);

    for (const kind of ['jwt_bearer', 'token_exchange'] as const)
      describe(`and that brings a refresh token: ${kind}`, () => {
        const signedIn = async () => {
          const grant: Grant =
            kind === 'jwt_bearer'
              ? { kind, tokenFile }
              : { kind, tokenFile, tokenType: 'urn:ietf:params:oauth:token-type:id_token' };
          const broker = await windowFor(grant);
          await broker.signIn(notes, 'any');
          profile.clock.advance(3_600_000);
          return { broker, first: desk.asked.length, before: taken.refreshToken };
        };

        it('outlives its proof by the refresh token, time and again', async () => {
          const { broker } = await signedIn();
          taken.proof = 'proof-2';
          for (let times = 0; times < 2; times += 1) {
            const [first, before] = [desk.asked.length, taken.refreshToken];
            const { token } = await broker.accessToken(notes);
            assert.equal(token.reveal(), `access-${desk.asked.length}`);
            assert.deepEqual(askedSince(first), [before]);
            profile.clock.advance(3_600_000);
          }
        });

        it('is repeated when the refresh token is refused, which is spent no more', async () => {
          const { broker, first, before } = await signedIn();
          prove('proof-2');
          const { token } = await broker.accessToken(notes);
          assert.equal(token.reveal(), `access-${desk.asked.length}`);
          const [{ refreshToken: next }, second] = [taken, desk.asked.length];
          profile.clock.advance(3_600_000);
          await broker.accessToken(notes);
          assert.deepEqual(askedSince(first), [before, 'proof-2', next]);
          assert.equal(desk.asked.length, second + 1);
        });

        it('is not ended when both are refused, and goes on with a fresh proof', async () => {
          const { broker, first, before } = await signedIn();
          taken = { proof: 'proof-2', refreshToken: '' };
          await assert.rejects(broker.accessToken(notes), (error) => hasCode(error, 'token_refused'));
          assert.deepEqual(askedSince(first), [before, 'proof-1']);
          assert.notEqual(broker.state(notes).kind, 'needs-sign-in');
          prove('proof-2');
          await broker.refreshNow(notes);
          const { token } = await broker.accessToken(notes);
          assert.equal(token.reveal(), `access-${desk.asked.length}`);
        });
      });
  });

  describe('for which an identity provider vouches (MCP extension, enterprise-managed authorization)', () => {
    let idp: TokenDesk;
    let folder: string;
    let grant: Grant;

    beforeEach(async () => {
      idp = await TokenDesk.start();
      closing.push(idp.close);
      folder = mkdtempSync(join(tmpdir(), 'id-token-'));
      const tokenFile = join(folder, 'token');
      writeFileSync(tokenFile, 'the-id-token', { mode: 0o600 });
      grant = { kind: 'identity_assertion', tokenFile, idpIssuer: idp.issuer, idpClientId: 'at-idp' };
      await vault().putClient(own(desk.issuer));
      desk.answer = ({ assertion }) => (assertion === 'jag' ? tokens() : [400, { error: 'invalid_grant' }]);
      idp.answer = (_form, basic) => (basic === 'at-idp:idp-secret' ? jag : invalidClient);
    });
    afterEach(() => rmSync(folder, { recursive: true }));

    const jag: Answer = [
      200,
      {
        access_token: 'jag',
        issued_token_type: 'urn:ietf:params:oauth:token-type:id-jag',
        token_type: 'N_A',
      },
    ];

    it('asks for the secret of its client there when that is refused without, once and for all', async () => {
      const asked = tell('idp-secret');
      const broker = await windowFor(grant);
      await broker.signIn(notes, 'any');
      assert.deepEqual(asked, [`client secret of at-idp at ${idp.issuer}`]);
      profile.clock.advance(3_600_000);
      await broker.accessToken(notes);
      const again = await windowFor(grant);
      await again.signIn(notes, 'any');
      assert.equal(asked.length, 1);
      assert.deepEqual(
        idp.asked.map(({ basic }) => basic).filter((basic) => basic !== 'at-idp:idp-secret'),
        [undefined],
      );
    });

    for (const [title, methods] of [
      ['is taken', undefined],
      ['is taken although none is offered', ['client_secret_basic', 'private_key_jwt']],
    ] as const)
      it(`asks for nothing where a public client ${title}, now and later`, async () => {
        idp.methods = methods;
        idp.answer = () => jag;
        tell();
        const broker = await windowFor(grant);
        await broker.signIn(notes, 'any');
        profile.clock.advance(3_600_000);
        await broker.accessToken(notes);
        const asked = idp.asked.map(({ form, basic }) => [form['client_id'], basic]);
        assert.ok(asked.length >= 2);
        for (const one of asked) assert.deepEqual(one, ['at-idp', undefined]);
      });

    it('asks again after a wrong one, and keeps the secret of the authorization server, which has refused nothing', async () => {
      const asked = tell('mistyped', 'idp-secret');
      const broker = await windowFor(grant);
      await assert.rejects(
        broker.signIn(notes, 'any'),
        (error) => hasCode(error, 'client_refused') && error.details['issuer'] === idp.issuer,
      );
      const kept = await vault().client(desk.issuer, 'ours');
      assert.equal(kept?.clientSecret?.reveal(), 'our-secret');
      await broker.signIn(notes, 'any');
      assert.equal(asked.length, 2);
    });

    it('loses nothing when the client is refused in a renewal', async () => {
      tell('idp-secret');
      const broker = await windowFor(grant);
      await broker.signIn(notes, 'any');
      idp.answer = () => invalidClient;
      profile.clock.advance(3_600_000);
      await assert.rejects(broker.accessToken(notes), (error) => hasCode(error, 'client_refused'));
      assert.equal((await vault().client(desk.issuer, 'ours'))?.clientSecret?.reveal(), 'our-secret');
      assert.equal((await vault().client(idp.issuer, 'at-idp'))?.clientSecret?.reveal(), 'idp-secret');
      await vault().look();
      assert.notEqual(broker.state(notes).kind, 'needs-sign-in');
    });

    it('names whichever of the two has refused, in a sign-in and in a renewal', async () => {
      const refuse = (): Answer => [400, { error: 'invalid_grant' }];
      const refusedBy =
        (code: 'authorization_denied' | 'token_refused', issuer: string) => (error: unknown) =>
          hasCode(error, code) && error.details['issuer'] === issuer;
      const broker = await windowFor(grant);
      idp.answer = refuse;
      await assert.rejects(broker.signIn(notes, 'any'), refusedBy('authorization_denied', idp.issuer));
      idp.answer = () => jag;
      const take = desk.answer;
      desk.answer = refuse;
      await assert.rejects(broker.signIn(notes, 'any'), refusedBy('authorization_denied', desk.issuer));
      desk.answer = take;
      await broker.signIn(notes, 'any');
      profile.clock.advance(3_600_000);
      idp.answer = refuse;
      await assert.rejects(broker.accessToken(notes), refusedBy('token_refused', idp.issuer));
    });

    it('signs nobody in when the user has no secret to say', async () => {
      tell(undefined);
      const broker = await windowFor(grant);
      await assert.rejects(broker.signIn(notes, 'any'), (error) => hasCode(error, 'sign_in_cancelled'));
      assert.equal(desk.asked.length, 0);
    });
  });
});

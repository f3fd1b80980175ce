import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeError, hasCode, type ErrorCode } from '../../src/core/errors.js';
import type { IssuerGrant } from '../../src/core/grant.js';
import type { IssuerAnswer, IssuedToken } from '../../src/core/issuer-driver.js';
import { Secret } from '../../src/core/secret.js';
import { credentialsFrom, loginDigestOf } from '../../src/google/credentials-file.js';
import { googleDriver } from '../../src/google/driver.js';
import { readTextFile } from '../../src/node/text-file.js';
import { guardedFetch } from '../../src/oauth/guarded-fetch.js';
import type { Fault } from '../support/faults.js';
import { scratchFolder } from '../support/scratch-folder.js';
import { serviceKey, TokenDesk } from './token-desk.js';

const email = 'robot@project.iam.gserviceaccount.com';
const audience = '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/ci';
const service = 'https://service-abc.run.app';

describe('Google’s other credentials', () => {
  let desk: TokenDesk;
  /** What has left by the way that was handed in. */
  let left: string[];
  let environment: Record<string, string>;
  beforeEach(async () => {
    desk = await TokenDesk.start();
    left = [];
    environment = {};
  });
  afterEach(() => desk.close());

  /** What is in the file, by name. */
  const files = (): Readonly<Record<string, object>> => ({
    user: { type: 'authorized_user', client_id: 'id', client_secret: 'shh', refresh_token: '1//first' },
    key: { type: 'service_account', client_email: email, private_key: serviceKey, private_key_id: 'k' },
    workload: {
      type: 'external_account',
      audience,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `${desk.origin}/v1/token`,
      credential_source: {
        url: `${desk.origin}/subject`,
        format: { type: 'json', subject_token_field_name: 'jwt' },
      },
    },
    workforce: {
      type: 'external_account_authorized_user',
      audience: '//iam.googleapis.com/locations/global/workforcePools/staff/providers/okta',
      client_id: 'id',
      client_secret: 'shh',
      refresh_token: 'workforce-1',
      token_url: `${desk.origin}/v1/oauthtoken`,
    },
    impersonating: {
      type: 'impersonated_service_account',
      service_account_impersonation_url: `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${email}:generateAccessToken`,
      source_credentials: {
        type: 'authorized_user',
        client_id: 'id',
        client_secret: 'shh',
        refresh_token: '1//first',
      },
    },
  });

  interface Asked extends Partial<IssuerGrant> {
    readonly refreshToken?: string;
    readonly loginDigest?: string | undefined;
    readonly limitMs?: number;
    readonly scopes?: readonly string[];
  }

  async function ask(file: object, asked: Asked = {}): Promise<IssuerAnswer> {
    const path = join(scratchFolder(), 'credentials.json');
    writeFileSync(path, JSON.stringify(file));
    return askAt(path, asked);
  }

  function askAt(
    path: string | undefined,
    {
      refreshToken,
      loginDigest,
      limitMs,
      scopes = ['https://www.googleapis.com/auth/bigquery'],
      ...grant
    }: Asked,
    homeFolder = '/nowhere',
  ) {
    const driver = googleDriver({
      endpoints: desk.endpoints,
      environment,
      homeFolder,
      isWindows: false,
      readTextFile,
      ...(limitMs !== undefined && { limitMs }),
    });
    return driver.request(
      { kind: 'google', ...(path !== undefined && { credentialsFile: path }), ...grant },
      {
        scopes,
        ...(refreshToken !== undefined && { refreshToken: new Secret(refreshToken) }),
        ...(loginDigest !== undefined && { loginDigest }),
      },
      guardedFetch((url, init) => {
        left.push(new URL(url).pathname);
        return fetch(url, init);
      }),
    );
  }

  function granted(answer: IssuerAnswer): IssuedToken {
    if (answer.kind !== 'granted') assert.fail(JSON.stringify(answer));
    return answer.token;
  }

  interface Row {
    readonly file: string;
    readonly grant?: Partial<IssuerGrant>;
    readonly token: RegExp;
    readonly label?: string;
    readonly paths: readonly string[];
  }

  const rows: readonly Row[] = [
    { file: 'user', token: /^ya29\.user-1$/, paths: ['/token'] },
    { file: 'key', token: /^ya29\.robot@/, label: email, paths: ['/token'] },
    {
      file: 'key',
      grant: { subject: 'alice@example.com' },
      token: /^ya29\.alice@example\.com$/,
      label: 'alice@example.com',
      paths: ['/token'],
    },
    {
      file: 'key',
      grant: { impersonate: 'other@project.iam.gserviceaccount.com' },
      token: /^ya29\.impersonated$/,
      label: 'other@project.iam.gserviceaccount.com',
      paths: [
        '/token',
        '/v1/projects/-/serviceAccounts/other@project.iam.gserviceaccount.com:generateAccessToken',
      ],
    },
    {
      file: 'impersonating',
      token: /^ya29\.impersonated$/,
      label: email,
      paths: ['/token', `/v1/projects/-/serviceAccounts/${email}:generateAccessToken`],
    },
    {
      file: 'workload',
      token: /^ya29\.federated$/,
      label: 'pool/providers/ci',
      paths: ['/subject', '/v1/token'],
    },
    {
      file: 'workforce',
      token: /^ya29\.federated$/,
      label: 'staff/providers/okta',
      paths: ['/v1/oauthtoken'],
    },
    {
      file: 'user',
      grant: { audience: service },
      token: /^eyJ/,
      label: 'alice@example.com',
      paths: ['/token'],
    },
    { file: 'key', grant: { audience: service }, token: /^eyJ/, label: email, paths: ['/token'] },
    {
      file: 'user',
      grant: { audience: service, impersonate: email },
      token: /^eyJ/,
      label: email,
      paths: ['/token', `/v1/projects/-/serviceAccounts/${email}:generateIdToken`],
    },
  ];
  for (const { file, grant = {}, token, label, paths } of rows) {
    it(`give a token for ${file} ${JSON.stringify(grant)}, and ask nobody twice`, async () => {
      const issued = granted(await ask(files()[file] ?? {}, grant));
      assert.match(issued.accessToken.reveal(), token);
      assert.equal(issued.account?.label, label);
      assert.ok(Math.abs((issued.lifetimeSeconds ?? 0) - 3600) < 10, String(issued.lifetimeSeconds));
      assert.deepEqual(
        desk.requests.map(({ path }) => path),
        paths,
      );
    });
  }

  for (const aheadMs of [-70 * 60_000, 5 * 3_600_000])
    for (const [file, grant] of [
      ['user', { audience: service }],
      ['key', { audience: service }],
      ['impersonating', { audience: service }],
      ['impersonating', {}],
      ['user', {}],
      ['workload', {}],
    ] as const)
      it(`last an hour on a clock that is off by ${-aheadMs / 60_000} minutes: ${file} ${JSON.stringify(grant)}`, async () => {
        desk.aheadMs = aheadMs;
        const { lifetimeSeconds = 0 } = granted(await ask(files()[file] ?? {}, grant));
        assert.ok(Math.abs(lifetimeSeconds - 3600) < 3, String(lifetimeSeconds));
      });

  it('name the project that is charged for their use, unless it can be none', async () => {
    const projectIn = async (project: unknown, grant: Partial<IssuerGrant> = {}) =>
      granted(await ask({ ...files()['user'], quota_project_id: project }, grant)).quotaProject;
    for (const project of ['ours-1', 'example.com:ours']) assert.equal(await projectIn(project), project);
    for (const other of ['', 'a\r\nb: c', 7, undefined]) assert.equal(await projectIn(other), undefined);
    assert.equal(await projectIn('ours-1', { audience: service }), undefined);
    assert.equal(await projectIn('ours-1', { impersonate: email }), undefined);
  });

  it('name the project that the environment names, where they are those of this computer', async () => {
    environment = { GOOGLE_CLOUD_QUOTA_PROJECT: 'of-the-environment' };
    const file = { ...files()['user'], quota_project_id: 'of-the-file' };
    assert.equal(granted(await ask(file)).quotaProject, 'of-the-file');
    const path = join(scratchFolder(), 'credentials.json');
    writeFileSync(path, JSON.stringify(file));
    environment['GOOGLE_APPLICATION_CREDENTIALS'] = path;
    assert.equal(granted(await askAt(undefined, {})).quotaProject, 'of-the-environment');
    environment['GOOGLE_CLOUD_QUOTA_PROJECT'] = '';
    assert.equal(granted(await askAt(undefined, {})).quotaProject, 'of-the-file');
  });

  it('ask for the scopes that are wanted, and for those alone', async () => {
    await ask(files()['key'] ?? {});
    const assertion = String(desk.requests[0]?.body['assertion']).split('.')[1] ?? '';
    const { scope } = JSON.parse(Buffer.from(assertion, 'base64url').toString()) as { scope: string };
    assert.equal(scope, 'https://www.googleapis.com/auth/bigquery');
  });

  for (const kind of ['user', 'key', 'workload', 'workforce', 'impersonating'] as const) {
    it(`ask for no access token when nobody says what it is to allow: ${kind}`, async () => {
      await assert.rejects(ask(files()[kind] ?? {}, { scopes: [] }), TypeError);
      assert.deepEqual(desk.requests, []);
    });
  }

  it('say that a login of a workforce pool allows what it was made for, whatever is wanted', async () => {
    const { scopes } = granted(await ask(files()['workforce'] ?? {}));
    assert.deepEqual(scopes, ['https://www.googleapis.com/auth/cloud-platform']);
  });

  it('are the application default ones where no file is named', async () => {
    const folder = scratchFolder();
    const path = join(folder, 'adc.json');
    writeFileSync(path, JSON.stringify(files()['user']));
    const driver = googleDriver({
      endpoints: desk.endpoints,
      environment: { GOOGLE_APPLICATION_CREDENTIALS: path },
      homeFolder: '/nowhere',
      isWindows: false,
      readTextFile,
    });
    const wishes = { scopes: ['https://www.googleapis.com/auth/bigquery'] };
    const answer = await driver.request(
      { kind: 'google' },
      wishes,
      guardedFetch((url, init) => fetch(url, init)),
    );
    assert.equal(granted(answer).scopes?.length, 2);
  });

  describe('and what Google’s library would do wrong', () => {
    const kinds = ['user', 'key', 'workload', 'workforce', 'impersonating'] as const;

    for (const fault of [{ status: 500 }, { status: 503 }, 'reset', { status: 429 }] as const) {
      for (const kind of kinds) {
        it(`sends no second request after ${JSON.stringify(fault)}: ${kind}`, async () => {
          desk.failNext(fault);
          const answer = await ask(files()[kind] ?? {});
          assert.equal(answer.kind, 'unavailable', JSON.stringify(answer));
          assert.equal(desk.requests.length, 1);
        });
      }
    }

    for (const [file, grant, count] of [
      ['impersonating', {}, 2],
      ['key', { impersonate: email }, 2],
      ['workload', { impersonate: email }, 3],
    ] as const)
      it(`leaves by no way of its own, not even for what an account is impersonated with: ${file}`, async () => {
        granted(await ask(files()[file] ?? {}, grant));
        assert.equal(left.length, count);
        assert.deepEqual(
          left,
          desk.requests.map(({ path }) => path),
        );
      });

    it('sends the exchange of a workload’s token once, too', async () => {
      const workload = files()['workload'] ?? {};
      desk.failNext({ status: 200, body: { jwt: 'a-token-of-the-platform' } }, { status: 503 });
      assert.equal((await ask(workload)).kind, 'unavailable');
      assert.deepEqual(
        desk.requests.map(({ path }) => path),
        ['/subject', '/v1/token'],
      );
    });

    for (const kind of kinds) {
      it(`waits for no answer that never comes: ${kind}`, async () => {
        desk.failNext('hang');
        // Long enough for the request to leave, also while the machine is busy.
        const answer = await ask(files()[kind] ?? {}, { limitMs: 400 });
        assert.equal(answer.kind, 'unavailable', JSON.stringify(answer));
        assert.equal(desk.requests.length, 1);
      });
    }

    it('keeps a refresh token that was exchanged, and never sends the old one again', async () => {
      desk.rotates = true;
      const first = granted(await ask(files()['user'] ?? {}));
      const rotated = first.refreshToken?.reveal() ?? '';
      assert.equal(rotated, '1//after-1');
      const { loginDigest } = first;
      const second = granted(await ask(files()['user'] ?? {}, { refreshToken: rotated, loginDigest }));
      assert.equal(second.refreshToken?.reveal(), '1//after-2');
      assert.deepEqual(
        desk.requests.map(({ body }) => body['refresh_token']),
        ['1//first', '1//after-1'],
      );
    });

    for (const [file, grant, sent] of [
      ['impersonating', {}, '1//first'],
      ['user', { impersonate: email }, '1//first'],
      ['workforce', { impersonate: email }, 'workforce-1'],
    ] as const) {
      const later: readonly (readonly [string, Fault, IssuerAnswer['kind']])[] = [
        ['is in trouble', { status: 503 }, 'unavailable'],
        ['answers no more', 'reset', 'unavailable'],
        [
          'refuses',
          { status: 403, body: { error: { status: 'PERMISSION_DENIED', message: 'No.' } } },
          'refused',
        ],
      ];
      for (const [name, fault, kind] of later)
        it(`hands on the exchanged one when what comes after it ${name}: ${file}`, async () => {
          desk.rotates = true;
          desk.failSecond(fault);
          const answer = await ask(files()[file] ?? {}, grant);
          assert.ok(answer.kind === kind && answer.kind !== 'granted', JSON.stringify(answer));
          const { refreshToken, loginDigest } = answer.exchanged ?? {};
          const rotated = refreshToken?.reveal() ?? '';
          granted(await ask(files()[file] ?? {}, { ...grant, refreshToken: rotated, loginDigest }));
          const tokens = desk.requests.map(({ body }) => body['refresh_token']);
          assert.deepEqual(
            tokens.filter((token) => token !== undefined),
            [sent, rotated],
          );
        });
    }

    it('hands on nothing as exchanged that was not', async () => {
      desk.failSecond({ status: 503 });
      const answer = await ask(files()['user'] ?? {}, { impersonate: email });
      assert.ok(answer.kind === 'unavailable' && answer.exchanged === undefined);
    });

    it('keeps the exchanged one when no newer one comes', async () => {
      desk.rotates = true;
      const { refreshToken, loginDigest } = granted(await ask(files()['user'] ?? {}));
      const rotated = refreshToken?.reveal() ?? '';
      desk.rotates = false;
      const next = granted(await ask(files()['user'] ?? {}, { refreshToken: rotated, loginDigest }));
      assert.equal(next.refreshToken?.reveal(), rotated);
    });

    it('sends an exchanged one for nobody who has logged in since', async () => {
      desk.rotates = true;
      const { refreshToken, loginDigest } = granted(await ask(files()['user'] ?? {}));
      const asked = { refreshToken: refreshToken?.reveal() ?? '', loginDigest };
      for (const name of ['user', 'impersonating']) {
        const file = JSON.stringify(files()[name]).replace('1//first', '1//another');
        assert.equal((await ask(JSON.parse(file) as object, asked)).kind, 'refused');
        assert.equal(desk.requests.at(-1)?.body['refresh_token'], '1//another');
      }
    });

    it('gives away no token of its own when it is told to log', async () => {
      const written: string[] = [];
      const write = process.stderr.write.bind(process.stderr);
      process.env['GOOGLE_SDK_NODE_LOGGING'] = '*';
      process.stderr.write = (text: string | Uint8Array) => written.push(String(text)) > 0;
      try {
        await ask(files()['user'] ?? {});
      } finally {
        process.stderr.write = write;
        delete process.env['GOOGLE_SDK_NODE_LOGGING'];
      }
      assert.doesNotMatch(written.join(''), /ya29|1\/\/first/);
    });
  });

  describe('refused', () => {
    it('say why, in Google’s words', async () => {
      desk.failNext({
        status: 400,
        body: {
          error: 'invalid_grant',
          error_subtype: 'invalid_rapt',
          error_description: 'reauth related error',
        },
      });
      const answer = await ask(files()['user'] ?? {});
      assert.ok(answer.kind === 'refused');
      assert.equal(answer.description, 'invalid_rapt reauth related error');
    });

    for (const name of ['user', 'workforce', 'impersonating', 'exchanged'])
      it(`do not repeat what was sent in confidence, nor more than anybody reads: ${name}`, async () => {
        const file = files()[name] ?? files()['user'] ?? {};
        const tokens = ['1//first', 'workforce-1', 'rotated-1'];
        const body = {
          error: 'invalid_grant',
          error_description: `${tokens.join(' ')} shh ${'!'.repeat(9_999)}`,
        };
        desk.failNext({ status: 400, body });
        const loginDigest = loginDigestOf(credentialsFrom('', file));
        const asked = name === 'exchanged' ? { refreshToken: 'rotated-1', loginDigest } : {};
        const answer = await ask(file, asked);
        assert.ok(answer.kind === 'refused');
        const [sent] = desk.requests.map((request) => request.body['refresh_token']).filter(Boolean);
        assert.ok(typeof sent === 'string' && !answer.description.includes(sent), answer.description);
        assert.doesNotMatch(answer.description, /shh|!{1000}/);
      });

    for (const [name, path, what] of [
      ['key', '/token', 'assertion'],
      ['workload', '/v1/token', 'subject_token'],
      ['impersonating', ':generateAccessToken', 'authorization'],
      ['workforce', '/v1/oauthtoken', 'authorization'],
    ] as const)
      it(`do not repeat what proves who asks: ${name}`, async () => {
        desk.quoting = path;
        const answer = await ask(files()[name] ?? {});
        const { authorization, body } = desk.requests.at(-1) ?? {};
        const proof = what === 'authorization' ? authorization?.replace(/^\w+ /, '') : body?.[what];
        assert.ok(typeof proof === 'string' && answer.kind === 'refused');
        assert.match(answer.description, /^You sent: /);
        assert.ok(!answer.description.includes(proof.slice(0, 12)), answer.description);
      });

    const undelegated = [
      {
        error: 'unauthorized_client',
        error_description:
          'Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.',
      },
      { error: 'access_denied', error_description: 'Requested client not authorized.' },
    ];
    for (const body of undelegated)
      it(`are kept until an administrator allows them to act for somebody: ${body.error}`, async () => {
        desk.failNext({ status: 401, body });
        const answer = await ask(files()['key'] ?? {}, { subject: 'alice@example.com' });
        assert.ok(answer.kind === 'unavailable', JSON.stringify(answer));
        assert.equal(answer.error.code, 'delegation_missing');
      });

    it('are kept while the clock of this computer is wrong, which Google calls a grant that is invalid', async () => {
      const description =
        'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.';
      desk.failNext({ status: 400, body: { error: 'invalid_grant', error_description: description } });
      const answer = await ask(files()['key'] ?? {});
      assert.ok(answer.kind === 'unavailable');
      assert.equal(answer.error.code, 'clock_wrong');
    });

    it('are refused by an API in its own form', async () => {
      desk.failNext(
        { status: 200, body: { access_token: 'ya29.x', expires_in: 3599, token_type: 'Bearer' } },
        { status: 403, body: { error: { code: 403, status: 'PERMISSION_DENIED', message: 'No role.' } } },
      );
      const answer = await ask(files()['impersonating'] ?? {});
      assert.ok(answer.kind === 'refused');
      assert.deepEqual([answer.reason, answer.description], ['access-removed', 'No role.']);
    });

    it('are kept when what answers is no Google', async () => {
      desk.failNext({ status: 403, body: '<h1>Blocked</h1>' });
      assert.equal((await ask(files()['user'] ?? {})).kind, 'unavailable');
    });

    for (const error of ['forbidden', 'not_found', 'rate_limited', 'blocked_by_proxy', 'request_timeout'])
      it(`are kept when a gateway writes ${error}`, async () => {
        desk.failNext({ status: 403, body: { error, message: 'Blocked by the gateway' } });
        const answer = await ask(files()['workforce'] ?? {});
        assert.ok(answer.kind === 'unavailable', JSON.stringify(answer));
        assert.equal(answer.error.code, 'issuer_unreachable');
      });

    /** An ID token for the client that the login was made with. */
    const forTheClient = {
      status: 200,
      body: { access_token: 'ya29.x', id_token: 'e30.eyJhdWQiOiJvdGhlciIsImlhdCI6MSwiZXhwIjozNjAxfQ.c2ln' },
    };

    it('take no ID token for somebody else', async () => {
      desk.failNext(forTheClient);
      const answer = await ask(files()['key'] ?? {}, { audience: service });
      assert.ok(answer.kind === 'unavailable' && answer.error.code === 'token_answer_invalid');
    });

    it('say what to do where a person’s login brings no ID token for a service', async () => {
      desk.failNext(forTheClient);
      await assert.rejects(
        ask(files()['user'] ?? {}, { audience: service }),
        refusedAs('token_file_unusable', /name a service account as "impersonate"/),
      );
    });

    it('take no ID token of the service account for one of whoever it acts for', async () => {
      const answer = await ask(files()['key'] ?? {}, { subject: 'ceo@example.com', audience: service });
      assert.ok(answer.kind === 'unavailable', JSON.stringify(answer));
      assert.equal(answer.error.code, 'token_answer_invalid');
    });
  });

  describe('that cannot be used', () => {
    const wrong: readonly (readonly [
      name: string,
      file: object,
      grant: Partial<IssuerGrant>,
      why: RegExp,
    ])[] = [
      ['of no type', {}, {}, /has no "type"/],
      ['of another type', { type: 'gdch_service_account' }, {}, /has the type "gdch_service_account"/],
      ['without a secret', { type: 'authorized_user', client_id: 'x' }, {}, /has no "client_secret"/],
      [
        'with a broken key',
        { type: 'service_account', client_email: email, private_key: 'x' },
        {},
        /cannot be used/,
      ],
      [
        'for a subject that it cannot act for',
        { type: 'authorized_user' },
        { subject: 'a@b.c' },
        /no key of a service/,
      ],
      [
        'by a certificate',
        { type: 'external_account', audience, credential_source: { certificate: {} } },
        {},
        /by a certificate/,
      ],
    ];
    for (const [name, file, grant, why] of wrong) {
      it(`say so, and ask nobody: ${name}`, async () => {
        await assert.rejects(ask(file, grant), refusedAs('token_file_unusable', why));
        assert.equal(desk.requests.length, 0);
      });
    }

    it('say so of a file that is not there', () =>
      assert.rejects(askAt('/nowhere/at/all.json', {}), refusedAs('token_file_unusable', /cannot be read/)));

    it('repeat nothing of a file that is no JSON', async () => {
      const path = join(scratchFolder(), 'credentials.json');
      writeFileSync(path, 'private-key-in-the-wrong-place');
      await assert.rejects(askAt(path, {}), (error: Error) => !String(error.cause).includes('private-key'));
    });

    it('go nowhere that is not encrypted', async () => {
      const file = { ...files()['workload'], credential_source: { url: 'http://ci.example.com/token' } };
      await assert.rejects(ask(file), refusedAs('token_file_unusable', /must be https/));
    });

    const edited: readonly (readonly [file: string, change: object, why: RegExp])[] = [
      ['workload', { token_url: 'https://sts.evil.example/v1/token' }, /as its "token_url"/],
      ['workload', { universe_domain: 'evil.example' }, /another "universe_domain"/],
      ['workload', { credential_source: { executable: { command: 'id' } } }, /wants a program to be run/],
      ['workload', { credential_source: { environment_id: 'aws1' } }, /metadata service .* at AWS or Azure/],
      [
        'workload',
        { credential_source: { url: 'http://169.254.169.254/metadata/identity/oauth2/token' } },
        /metadata service .* at AWS or Azure/,
      ],
      [
        'workload',
        { service_account_impersonation_url: 'https://evil.example/' },
        /names no service account/,
      ],
      ['workforce', { token_url: 'https://evil.example/v1/oauthtoken' }, /as its "token_url"/],
      ['workforce', { token_info_url: 'https://evil.example/' }, /as its "token_info_url"/],
      ['workforce', { universe_domain: 'evil.example' }, /another "universe_domain"/],
    ];
    for (const [name, change, why] of edited) {
      it(`say so, and ask nobody, when somebody has edited ${name}: ${JSON.stringify(change)}`, async () => {
        await assert.rejects(ask({ ...files()[name], ...change }), refusedAs('token_file_unusable', why));
        assert.equal(desk.requests.length, 0);
      });
    }

    it('act as a service account at Google alone, whatever address the file has for it', async () => {
      const service_account_impersonation_url = `https://evil.example/v1/serviceAccounts/${email}:generateAccessToken`;
      const issued = granted(await ask({ ...files()['workload'], service_account_impersonation_url }));
      assert.equal(issued.account?.subject, email);
      assert.equal(desk.requests.at(-1)?.path, `/v1/projects/-/serviceAccounts/${email}:generateAccessToken`);
    });

    it('repeat nothing of a workload’s token that is no JSON', async () => {
      const path = join(scratchFolder(), 'token');
      writeFileSync(path, 'eyJ-half-of-a-token');
      const format = { type: 'json', subject_token_field_name: 'jwt' };
      const file = { ...files()['workload'], credential_source: { file: path, format } };
      await assert.rejects(ask(file), (error) => !describeError(error).includes('eyJ'));
    });

    it('are another account for each member of a pool', async () => {
      const subjects: string[] = [];
      for (const name of ['one', 'two']) {
        const path = join(scratchFolder(), name);
        writeFileSync(path, 'a-token-of-the-platform');
        const file = { ...files()['workload'], credential_source: { file: path } };
        subjects.push(granted(await ask(file)).account?.subject ?? '');
      }
      for (const refresh_token of ['workforce-1', 'workforce-2'])
        subjects.push(granted(await ask({ ...files()['workforce'], refresh_token })).account?.subject ?? '');
      assert.equal(new Set(subjects).size, 4);
    });
  });

  const refusedAs = (code: ErrorCode, why: RegExp) => (error: unknown) =>
    hasCode(error, code) && why.test(String(error.details['why']));
});

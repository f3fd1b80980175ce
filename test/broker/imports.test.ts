import assert from 'node:assert/strict';
import type { Credential, LiveCredential } from '../../src/core/credential.js';
import { hasCode } from '../../src/core/errors.js';
import type { RefusalReason } from '../../src/core/refusal.js';
import { Secret } from '../../src/core/secret.js';
import { mayReplace } from '../../src/broker/sign-in/imported-grants.js';
import { issuedByGoogleAtMs } from '../../src/broker/sign-in/foreign-grant.js';
import { missingGoogleScopes } from '../../src/google/scopes.js';
import { googleScope } from '../../src/google/services.js';
import { resource, ScriptedIssuer } from './scripted-issuer.js';
import { notes, Profile, serverAt } from './window.js';

const issuer = 'https://accounts.example.com';

const alive = (
  issuedAtMs: number,
  scopes: readonly string[] = ['a', 'b'],
  more: { readonly refreshToken?: undefined; readonly grantEndsAtMs?: number } = {},
): LiveCredential => {
  const { grantEndsAtMs } = more;
  return {
    account: { issuer, subject: 'alice', label: 'alice@example.com' },
    client: { issuer, clientId: 'c', authMethod: 'none', source: 'entered' },
    resource: issuer,
    generation: 1,
    scopes,
    tokens: {
      kind: 'alive',
      accessToken: new Secret('t'),
      ...('refreshToken' in more ? {} : { refreshToken: new Secret('r') }),
      issuedAtMs,
      ...(grantEndsAtMs !== undefined && { grantEndsAtMs }),
    },
  };
};
const refused = (refusedAtMs: number, reason: RefusalReason = 'revoked'): Credential => ({
  ...alive(0),
  tokens: { kind: 'refused', reason, refusedAtMs },
});
const ends = (grantEndsAtMs: number, issuedAtMs = 0) => alive(issuedAtMs, undefined, { grantEndsAtMs });

describe('renewed tokens of another program', () => {
  const rows: readonly [
    title: string,
    present: Credential,
    fresh: LiveCredential,
    issuedAtMs: number,
    expected: boolean,
  ][] = [
    ['take the place of older ones', alive(1_000), alive(0), 2_000, true],
    ['do not take the place of newer ones', alive(2_000), alive(0), 1_000, false],
    ['do not take the place of ones as old', alive(1_000), alive(0), 1_000, false],
    [
      'do not take the place of older ones that allow more',
      alive(1_000, ['a', 'b', 'c']),
      alive(0),
      2_000,
      false,
    ],
    ['take the place of older ones that allow less', alive(1_000, ['a']), alive(0), 2_000, true],
    [
      'take the place of older ones by a scope that stands for theirs',
      alive(1_000, ['gmail.readonly'].map(googleScope)),
      alive(0, ['gmail.modify'].map(googleScope)),
      2_000,
      true,
    ],
    [
      'do not take the place of older ones that have a wider scope',
      alive(1_000, ['gmail.modify'].map(googleScope)),
      alive(0, ['gmail.readonly'].map(googleScope)),
      2_000,
      false,
    ],
    ['do not take the place of older ones that last longer', ends(9_000), ends(8_000), 2_000, false],
    ['do not take the place of older ones without an end', alive(0), ends(8_000), 2_000, false],
    ['take the place of older ones that end earlier', ends(8_000), ends(9_000), 2_000, true],
    ['take the place of any refused one, whatever their age', refused(2_000), alive(0), 0, true],
    [
      'take the place of newer ones that cannot be renewed',
      alive(2_000, undefined, { refreshToken: undefined }),
      alive(0),
      0,
      true,
    ],
    [
      'take the place of ones that allow more and cannot be renewed',
      alive(2_000, ['a', 'b', 'c'], { refreshToken: undefined }),
      alive(0),
      0,
      true,
    ],
    ['of unknown age take the place of nothing that lives', alive(1_000), alive(0), 0, false],
  ];
  const covers = (granted: readonly string[], wanted: readonly string[]) =>
    missingGoogleScopes(granted, wanted).length === 0;
  for (const [title, present, fresh, issuedAtMs, expected] of rows) {
    it(title, () => assert.equal(mayReplace(present, fresh, issuedAtMs, covers), expected));
  }

  const nowMs = 1_000_000_000;
  const hour = 3_600_000;
  const ages: readonly (readonly [title: string, expiresAtMs: number | undefined, issuedAtMs: number])[] = [
    ['an hour before their end', nowMs + 600_000, nowMs + 600_000 - hour],
    ['an hour before an end that is over', nowMs - 24 * hour, nowMs - 25 * hour],
    ['nobody knows when, without an end', undefined, 0],
    ['nobody knows when, with an end that is further away than it can be', nowMs + 72 * hour, 0],
  ];
  for (const [title, expiresAtMs, issuedAtMs] of ages) {
    it(`were given out by Google ${title}`, () => {
      const tokens = { scopes: [], ...(expiresAtMs !== undefined && { expiresAtMs }) };
      assert.equal(issuedByGoogleAtMs(tokens, nowMs), issuedAtMs);
    });
  }
});

describe('an import for one server', () => {
  let issuer: ScriptedIssuer;
  let profile: Profile;

  beforeEach(async () => {
    issuer = await ScriptedIssuer.start();
    profile = new Profile();
    const metadata = { resource, authorization_servers: [issuer.issuer] };
    profile.fetch = (url, init) =>
      url.startsWith(new URL(resource).origin) ? Promise.resolve(Response.json(metadata)) : fetch(url, init);
  });

  afterEach(async () => {
    await profile.close();
    await issuer.close();
  });

  const opened = async (workspace?: string) => {
    const { broker } = profile.window(undefined, workspace);
    await broker.setServers([serverAt()]);
    return broker;
  };
  type Window = Awaited<ReturnType<typeof opened>>;

  /** As mcp-remote has them: a day ahead, since that is how long its token lives. */
  const importInto = (broker: Window, refreshToken: string, clientId = 'client-1') =>
    broker.importTogether(() =>
      broker.import(
        {
          kind: 'server',
          serverUrl: resource,
          tokens: {
            accessToken: new Secret('of the file'),
            refreshToken: new Secret(refreshToken),
            scopes: ['a'],
            expiresAtMs: profile.clock.nowMs() + 86_400_000,
          },
          client: { clientId },
          issuer: issuer.issuer,
        },
        issuer.issuer,
      ),
    );
  const tokenOf = async (broker: Window) => (await broker.accessToken(notes)).token.reveal();

  it('is a sign-in: that of the one before is what a sign-out ends which the journal takes later', async () => {
    const { clock, memento } = profile;
    const [here, there] = [await opened('file:///here'), await opened('file:///there')];
    assert.equal((await importInto(here, 'refresh-1')).kind, 'imported');
    assert.equal(await tokenOf(here), 'access-2');
    clock.advance(1_000);
    profile.journal.failNext('write');
    assert.equal(await here.signOut(notes, 'account'), 'kept');
    assert.match(memento.text, /removal:/);
    // This window knows only that the grant is dead.
    issuer.refuseNext();
    await assert.rejects(there.refreshNow(notes));
    assert.equal((await importInto(there, 'refresh-2')).kind, 'imported');
    clock.advance(200);
    while (/removal:/.test(memento.text)) await new Promise((resolve) => setImmediate(resolve));
    const later = await opened('file:///later');
    for (const broker of [there, later]) assert.equal(await tokenOf(broker), 'access-3');
  });

  it('spends the refresh token of the file, so that it is proved, and lends what came for it', async () => {
    const broker = await opened();
    assert.equal((await importInto(broker, 'refresh-1')).kind, 'imported');
    assert.deepEqual(
      issuer.tokenRequests.map((form) => [form['refresh_token'], form['client_id'], form['resource']]),
      [['refresh-1', 'client-1', resource]],
    );
    const later = await opened();
    for (const one of [broker, later]) assert.equal(await tokenOf(one), 'access-2');
  });

  it('spends nothing where the same client has a grant here that is alive, which may be of the same family', async () => {
    const broker = await opened();
    await importInto(broker, 'refresh-1');
    await broker.refreshNow(notes);
    const { length } = issuer.tokenRequests;
    profile.clock.advance(60_000);
    const again = await importInto(broker, 'refresh-1');
    assert.deepEqual([again.kind, 'isCovered' in again && again.isCovered], ['kept', true]);
    assert.equal(issuer.tokenRequests.length, length);
    assert.equal(await tokenOf(broker), 'access-3');
    await broker.refreshNow(notes);
    assert.equal(await tokenOf(broker), 'access-4');
  });

  it('spends the refresh token of a file once that does not say whose it is, though the answer does', async () => {
    const claims = Buffer.from(JSON.stringify({ iss: issuer.issuer, sub: 'alice' })).toString('base64url');
    issuer.more = { access_token: `e30.${claims}.x` };
    const broker = await opened();
    await importInto(broker, 'refresh-1');
    assert.equal(broker.account(notes)?.subject, 'alice');
    const { length } = issuer.tokenRequests;
    const again = await importInto(broker, 'refresh-1');
    // It may be somebody else's, so nobody is told that the file can go.
    assert.deepEqual([again.kind, 'isCovered' in again && again.isCovered], ['kept', false]);
    assert.equal(issuer.tokenRequests.length, length);
    await broker.refreshNow(notes);
    assert.equal(broker.state(notes).kind, 'ready');
  });

  it('keeps what came for the refresh token that it spent, beside tokens that allow more and cannot be renewed', async () => {
    const nowMs = profile.clock.nowMs();
    const account = { issuer: issuer.issuer, subject: '', label: new URL(issuer.issuer).host };
    const { tokens, ...present } = issuer.credential(nowMs, { account });
    const { refreshToken: _, ...unrenewable } = tokens;
    await profile.keep({ ...present, tokens: { ...unrenewable, expiresAtMs: nowMs - 1 } });
    const broker = await opened();
    assert.equal((await importInto(broker, 'refresh-1')).kind, 'imported');
    assert.equal(await tokenOf(broker), 'access-2');
    await broker.refreshNow(notes);
    assert.equal(await tokenOf(broker), 'access-3');
  });

  it('brings back what the issuer has ended, whatever the age of the file', async () => {
    const broker = await opened();
    await importInto(broker, 'refresh-1');
    issuer.refuseNext();
    await assert.rejects(broker.refreshNow(notes));
    assert.equal(broker.state(notes).kind, 'needs-sign-in');
    assert.equal((await importInto(broker, 'refresh-2')).kind, 'imported');
    assert.equal(await tokenOf(broker), 'access-3');
  });

  it('keeps nothing of a refresh token that the issuer does not take, and says so again', async () => {
    const broker = await opened();
    for (let times = 0; times < 2; times += 1)
      assert.deepEqual(await importInto(broker, 'refresh-0'), { kind: 'ended', reason: 'refused' });
    assert.equal(broker.state(notes).kind, 'signed-out');
    assert.equal((await importInto(broker, 'refresh-1')).kind, 'imported');
  });

  it('keeps nothing while the issuer cannot be reached, and can be made again', async () => {
    const broker = await opened();
    issuer.failNext({ status: 503, body: 'busy' });
    await assert.rejects(importInto(broker, 'refresh-1'), (error) => hasCode(error, 'issuer_unreachable'));
    assert.equal(broker.state(notes).kind, 'signed-out');
    assert.equal((await importInto(broker, 'refresh-1')).kind, 'imported');
  });
});

import assert from 'node:assert/strict';
import type { Credential } from '../../src/core/credential.js';
import type { RefusalReason } from '../../src/core/refusal.js';
import { Secret } from '../../src/core/secret.js';
import { mayReplace } from '../../src/broker/imports.js';
import { googleScope, missingGoogleScopes } from '../../src/google/scopes.js';
import { resource, ScriptedIssuer } from './scripted-issuer.js';
import { notes, Profile, serverAt } from './window.js';

const issuer = 'https://accounts.example.com';

const alive = (issuedAtMs: number, scopes: readonly string[] = ['a', 'b']): Credential => ({
  account: { issuer, subject: 'alice', label: 'alice@example.com' },
  client: { issuer, clientId: 'c', authMethod: 'none', source: 'entered' },
  resource: issuer,
  generation: 1,
  scopes,
  tokens: { kind: 'alive', accessToken: new Secret('t'), issuedAtMs },
});
const refused = (refusedAtMs: number, reason: RefusalReason = 'revoked'): Credential => ({
  ...alive(0),
  tokens: { kind: 'refused', reason, refusedAtMs },
});

describe('tokens of another program', () => {
  const rows: readonly [string, Credential | undefined, Credential, number, boolean, boolean][] = [
    ['take the place of nothing', undefined, alive(0), 0, false, true],
    ['take the place of older ones', alive(1_000), alive(0), 2_000, false, true],
    ['do not take the place of newer ones', alive(2_000), alive(0), 1_000, false, false],
    ['do not take the place of newer ones, though they are good', alive(2_000), alive(0), 1_000, true, false],
    ['do not take the place of ones as old', alive(1_000), alive(0), 1_000, true, false],
    [
      'do not take the place of older ones that allow more',
      alive(1_000, ['a', 'b', 'c']),
      alive(0),
      2_000,
      true,
      false,
    ],
    ['take the place of older ones that allow less', alive(1_000, ['a']), alive(0), 2_000, false, true],
    [
      'take the place of older ones by a scope that stands for theirs',
      alive(1_000, ['gmail.readonly'].map(googleScope)),
      alive(0, ['gmail.modify'].map(googleScope)),
      2_000,
      false,
      true,
    ],
    [
      'do not take the place of older ones that have a wider scope',
      alive(1_000, ['gmail.modify'].map(googleScope)),
      alive(0, ['gmail.readonly'].map(googleScope)),
      2_000,
      true,
      false,
    ],
    ['take the place of a grant that was refused before them', refused(1_000), alive(0), 2_000, false, true],
    [
      'do not take the place of a grant that was refused after them',
      refused(2_000),
      alive(0),
      1_000,
      false,
      false,
    ],
    ['take the place of any refused one when they are good', refused(2_000), alive(0), 1_000, true, true],
    ['of unknown age take the place of nothing that lives', alive(1_000), alive(0), 0, true, false],
  ];
  const covers = (granted: readonly string[], wanted: readonly string[]) =>
    missingGoogleScopes(granted, wanted).length === 0;
  for (const [title, present, fresh, issuedAtMs, isProven, expected] of rows) {
    it(title, () => assert.equal(mayReplace(present, fresh, { issuedAtMs, isProven, covers }), expected));
  }
});

describe('an import', () => {
  it('is a sign-in: that of the one before is what a sign-out ends which the journal takes later', async () => {
    const issuer = await ScriptedIssuer.start();
    const profile = new Profile();
    const { clock, memento } = profile;
    const metadata = { resource, authorization_servers: [issuer.issuer] };
    profile.fetch = (url, init) =>
      url.startsWith(new URL(resource).origin) ? Promise.resolve(Response.json(metadata)) : fetch(url, init);
    try {
      const opened = async (workspace: string) => {
        const { broker } = profile.window(undefined, workspace);
        await broker.setServers([serverAt()]);
        return broker;
      };
      const [here, there] = [await opened('file:///here'), await opened('file:///there')];
      const importInto = (broker: typeof here, token: string) =>
        broker.importTogether(() =>
          broker.import(
            {
              kind: 'server',
              serverUrl: resource,
              tokens: {
                accessToken: new Secret(token),
                refreshToken: new Secret('refresh-1'),
                scopes: ['a'],
                expiresAtMs: clock.nowMs() + 3_600_000,
              },
              client: { clientId: 'client-1' },
              issuer: issuer.issuer,
            },
            issuer.issuer,
          ),
        );
      assert.equal((await importInto(here, 'first')).kind, 'imported');
      assert.equal((await here.accessToken(notes)).token.reveal(), 'first');
      clock.advance(1_000);
      profile.journal.failNext('write');
      assert.equal(await here.signOut(notes, 'account'), 'kept');
      assert.match(memento.text, /removal:/);
      assert.equal((await importInto(there, 'second')).kind, 'imported');
      clock.advance(200);
      while (/removal:/.test(memento.text)) await new Promise((resolve) => setImmediate(resolve));
      const later = await opened('file:///later');
      for (const broker of [there, later])
        assert.equal((await broker.accessToken(notes)).token.reveal(), 'second');
    } finally {
      await profile.close();
      await issuer.close();
    }
  });
});

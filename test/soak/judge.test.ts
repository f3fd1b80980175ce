import assert from 'node:assert/strict';
import { Dice } from './dice.js';
import { Issuer, nameOf, type Asker, type RefreshToken } from './issuer.js';
import { Judge } from './judge.js';

const startMs = Date.parse('2026-01-01T00:00:00Z');
const hourMs = 3_600_000;
const resource = 'https://rs.example/mcp';

/** A window whose fate a test decides. */
type TestWindow = { -readonly [P in keyof Asker]: Asker[P] };

const windowCalled = (name: string): TestWindow => ({
  name,
  isGone: false,
  isFrozen: false,
  thawedAtMs: -Infinity,
  saveFailedAtMs: -Infinity,
});

describe('the judge of a month', () => {
  let nowMs: number;
  let judge: Judge;
  let issuer: Issuer;
  let [one, other]: TestWindow[] = [];
  let token: RefreshToken;

  /** `by` presents a refresh token in a request that left at `leftAtMs`. */
  function present(by: Asker, leftAtMs = nowMs): void {
    issuer.answer({ ...request({ grant_type: 'refresh_token', refresh_token: token.text }), by, leftAtMs });
  }

  /** A request for tokens by the client of `token`. */
  const request = (form: Record<string, string>) => ({
    url: new URL(`${issuer.origin}/token`),
    method: 'POST',
    body: new URLSearchParams({ client_id: clientId, resource, ...form }).toString(),
  });
  let clientId: string;

  /** Alice signs in in the window `by`. @returns what that has granted */
  function signIn(by: Asker): RefreshToken {
    const query = { client_id: clientId, resource, redirect_uri: 'http://127.0.0.1/callback', state: 's' };
    const address = `${issuer.origin}/authorize?${new URLSearchParams(query).toString()}`;
    const code = issuer.authorize(new URL(address), 'alice').searchParams.get('code') ?? '';
    const granted = issuer.answer({ ...request({ code }), by, leftAtMs: nowMs });
    assert.ok(granted.presentation?.successor);
    return granted.presentation.successor;
  }

  const successor = (): RefreshToken => {
    const found = token.presentations[0]?.successor;
    assert.ok(found);
    return found;
  };

  const first = () => {
    assert.ok(one && other);
    return { one, other };
  };

  beforeEach(() => {
    nowMs = startMs;
    const issuers: Issuer[] = [];
    judge = new Judge(() => nowMs, issuers);
    issuer = new Issuer('https://as.example', 3_600, () => nowMs, new Dice(1), judge);
    issuers.push(issuer);
    [one, other] = [windowCalled('one'), windowCalled('other')];
    const by = one;
    const leftAtMs = nowMs;
    const registered = issuer.answer({
      url: new URL(`${issuer.origin}/register`),
      method: 'POST',
      body: '{}',
      by,
      leftAtMs,
    });
    clientId = (registered.body as { client_id: string }).client_id;
    token = signIn(by);
    nowMs += hourMs;
  });

  it('finds that a refresh token comes twice whose successor was saved', () => {
    const { one, other } = first();
    present(one);
    successor().wasSaved = true;
    nowMs += 2_000;
    present(other);
    assert.equal(judge.violations.length, 1);
  });

  it('finds that a refresh token comes twice whose successor is only in a living window', () => {
    const { one, other } = first();
    present(one);
    nowMs += 2_000;
    present(other);
    assert.equal(judge.violations.length, 1);
  });

  for (const [which, ends] of [
    ['a dead window', 'isGone'],
    ['a window that stands still', 'isFrozen'],
  ] as const)
    it(`excuses the request of ${which} that had left before another one took over`, () => {
      const { one, other } = first();
      const leftAtMs = nowMs;
      one[ends] = true;
      nowMs += 20_000;
      present(other);
      successor().wasSaved = true;
      nowMs += 5_000;
      present(one, leftAtMs);
      assert.deepEqual(judge.violations, []);
    });

  it('does not excuse the request of a dead window that left when the successor was there', () => {
    const { one, other } = first();
    present(other);
    successor().wasSaved = true;
    nowMs += 2_000;
    const leftAtMs = nowMs;
    one.isGone = true;
    nowMs += 200;
    present(one, leftAtMs);
    assert.equal(judge.violations.length, 1);
  });

  it('excuses a second request after an answer that got lost', () => {
    const { one, other } = first();
    present(one);
    successor().given.answer = 'lost';
    nowMs += 10_000;
    present(other);
    assert.deepEqual(judge.violations, []);
  });

  it('excuses a second request after a window died that had saved nothing', () => {
    const { one, other } = first();
    present(one);
    one.isGone = true;
    nowMs += 30_000;
    present(other);
    assert.deepEqual(judge.violations, []);
  });

  it('does not excuse a second request after a window died that had saved what it got', () => {
    const { one, other } = first();
    present(one);
    successor().wasSaved = true;
    one.isGone = true;
    nowMs += 30_000;
    present(other);
    assert.equal(judge.violations.length, 1);
  });

  it('excuses a second request while the window stands still that has the answer', () => {
    const { one, other } = first();
    present(one);
    one.isFrozen = true;
    nowMs += 30_000;
    present(other);
    assert.deepEqual(judge.violations, []);
  });

  it('excuses a window that stood still between looking and asking, for as long as a takeover takes', () => {
    const { one, other } = first();
    present(other);
    successor().wasSaved = true;
    nowMs += 60_000;
    one.thawedAtMs = nowMs;
    present(one);
    assert.deepEqual(judge.violations, []);
  });

  it('does not excuse a window that stood still long before', () => {
    const { one, other } = first();
    one.thawedAtMs = nowMs - hourMs;
    present(other);
    successor().wasSaved = true;
    nowMs += 60_000;
    present(one);
    assert.equal(judge.violations.length, 1);
  });

  it('leaves the probes and notes alone that lie beside the entries of the journal', () => {
    for (const name of ['probe', 'storage', `${'0'.repeat(32)}-attempt`]) judge.kept.journalled(name, '');
    assert.deepEqual(judge.violations, []);
  });

  describe('of sign-outs', () => {
    const credential = nameOf({ subject: 'alice', resource });
    const minuteMs = 60_000;

    /** SecretStorage has `kept` from now on; nothing when undefined. */
    function store(kept: RefreshToken | undefined, generation = 1): void {
      const name = `credential:${JSON.stringify([issuer.origin, clientId, 'alice', resource])}`;
      const tokens = { kind: 'alive', refreshToken: kept?.text };
      judge.kept.stored(name, kept && JSON.stringify({ generation, tokens }));
    }

    function revoke(by: Asker): void {
      const body = new URLSearchParams({ token: token.text, token_type_hint: 'refresh_token' }).toString();
      issuer.answer({ url: new URL(`${issuer.origin}/revoke`), method: 'POST', body, by, leftAtMs: nowMs });
    }

    beforeEach(() => {
      store(token);
      judge.uses(credential, 'a server of another workspace');
      nowMs += minuteMs;
    });

    it('finds that the last but one of its servers has taken a credential along', () => {
      judge.signsOut(credential, 'server', first().one, ['this server']);
      store(undefined);
      assert.equal(judge.violations.length, 1);
    });

    for (const [which, extent, users] of [
      ['the last of its servers', 'server', ['a server of another workspace']],
      ['its account', 'account', ['this server']],
    ] as const)
      it(`lets a credential go with ${which}`, () => {
        const { one } = first();
        judge.signedOut(judge.signsOut(credential, extent, one, users), 'kept');
        store(undefined);
        assert.deepEqual(judge.violations, []);
      });

    it('finds that a sign-in has gone with a sign-out from before it', () => {
      const { one, other } = first();
      store(undefined);
      judge.signsOut(credential, 'account', other, []);
      nowMs += 1_000;
      judge.signsIn(credential, one);
      token = signIn(one);
      store(token);
      const before = judge.violations.length;
      store(undefined);
      assert.equal(judge.violations.length, before + 1);
    });

    it('finds that a window has ended a grant that others were asked to end', () => {
      const { one, other } = first();
      judge.signsOut(credential, 'grant', other, []);
      judge.signsOut(credential, 'account', one, []);
      revoke(one);
      assert.equal(judge.violations.length, 1);
    });

    it('lets a window end the grant that it was asked to end', () => {
      const { one } = first();
      const asked = judge.signsOut(credential, 'grant', one, []);
      revoke(one);
      store(undefined);
      judge.signedOut(asked, 'revoked');
      assert.deepEqual(judge.violations, []);
    });

    it('finds that a grant lives on that is said to be revoked', () => {
      const asked = judge.signsOut(credential, 'grant', first().one, []);
      judge.kept.journalled('0'.repeat(32), removal());
      judge.signedOut(asked, 'revoked');
      assert.equal(judge.violations.length, 1);
    });

    it('finds what is left over, once for all', () => {
      judge.lookForLeftovers(new Set([credential]), minuteMs);
      judge.lookForLeftovers(new Set(), minuteMs);
      assert.deepEqual(judge.violations, []);
      for (let n = 0; n < 2; n++) {
        nowMs += minuteMs;
        judge.lookForLeftovers(new Set(), minuteMs);
      }
      assert.equal(judge.violations.length, 1);
    });

    it('finds that a window lends what was signed out of long ago', () => {
      const { one } = first();
      const text = issuer.answer({ ...renewal(), by: one, leftAtMs: nowMs });
      const { access_token: access } = text.body as { access_token: string };
      store(successor(), 2);
      judge.signedOut(judge.signsOut(credential, 'account', one, []), 'kept');
      store(undefined);
      judge.lent(one, { credential }, access);
      assert.deepEqual(judge.violations, []);
      nowMs += minuteMs;
      judge.lent(one, { credential }, access);
      assert.equal(judge.violations.length, 1);
    });

    const renewal = () => request({ grant_type: 'refresh_token', refresh_token: token.text });

    const removal = (): string =>
      JSON.stringify({
        account: { subject: 'alice' },
        ...{ resource, clientId, generation: 2, content: { kind: 'removed' } },
      });
  });
});

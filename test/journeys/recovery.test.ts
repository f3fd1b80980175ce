import assert from 'node:assert/strict';
import { until, type BrokerWindow } from '../support/broker-window.js';
import type { Fault } from '../support/faults.js';
import { serversSetting, useGround } from '../support/ground.js';

/** Longer than an issuer's word holds, and shorter than the access token lives. */
const overAnHourMs = 61 * 60_000;
const tokenSeconds = 4 * 3_600;
const startDelayMs = 3_000;

/** A window in which opening the browser is a mistake. */
const nobodyAtTheBrowser = { browse: undefined } as const;

const putOffs = ({ editor }: BrokerWindow): number =>
  editor.window.logLines.filter((line) => /could not be checked/.test(line)).length;

describe('a window that is opened again an hour later', () => {
  const ground = useGround();

  async function reopened(whileClosed: (issuer: Awaited<ReturnType<typeof ground.issuer>>) => void) {
    const { issuer, server, window } = await ground.signedIn({ seconds: tokenSeconds });
    await window.close();
    whileClosed(issuer);
    const user = serversSetting([server]);
    const again = ground.window({ stores: window.stores, user, ...nobodyAtTheBrowser }).window;
    again.clock.leap(overAnHourMs);
    await again.ready;
    again.clock.leap(startDelayMs);
    return { issuer, again };
  }

  it('tells the user before any call that the grant was revoked meanwhile, in one notification', async () => {
    const { issuer, again } = await reopened((closed) => closed.revokeGrants('alice'));
    const notice = await again.editor.window.message(
      /alice@example\.com.*“tickets” waits for you to sign in again/,
    );
    assert.deepEqual(notice.buttons, ['Sign In']);
    assert.equal(again.editor.window.messages.length, 1);
    assert.match(again.editor.statusBar?.text ?? '', /^\$\(warning\) Sign in: alice@example\.com/);
    const { refusedRefreshes, refreshes } = issuer.counts();
    assert.deepEqual([refusedRefreshes, refreshes], [1, 0]);
  });

  it('asks once, and calls on, when all is well', async () => {
    const { issuer, again } = await reopened(() => undefined);
    await issuer.occurrence(({ kind }) => kind === 'introspected');
    assert.equal(await (await again.connect('tickets')).call('whoami'), 'alice@example.com (Alice)');
    assert.deepEqual([issuer.counts().refreshes, again.editor.window.messages], [0, []]);
    assert.equal(issuer.events.filter(({ kind }) => kind === 'introspected').length, 1);
  });

  const troubles: readonly (readonly [Fault, attempts: number])[] = [
    ['reset', 3],
    [{ status: 503 }, 3],
    [{ status: 200, body: '<h1>Welcome</h1>' }, 1],
  ];
  for (const [fault, attempts] of troubles) {
    it(`loses nothing to an issuer that answers with ${JSON.stringify(fault)}`, async () => {
      const { issuer, again } = await reopened((closed) => closed.failNext('introspection', fault, attempts));
      const faults = () => issuer.events.filter(({ kind }) => kind === 'fault').length;
      for (let attempt = 1; attempt <= attempts; attempt++) {
        await until(() => faults() === attempt);
        if (attempts > 1) await until(() => putOffs(again) === attempt);
        again.clock.leap(30_000);
      }
      assert.equal(await (await again.connect('tickets')).call('whoami'), 'alice@example.com (Alice)');
      assert.match(again.editor.statusBar?.text ?? '', /^\$\(key\) alice@example\.com/);
      assert.deepEqual([again.stores.credentialKeys.length, issuer.counts().refusedRefreshes], [1, 0]);
    });
  }
});

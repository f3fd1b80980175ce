import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { BrokerError, type ErrorCode, type ErrorDetails } from '../../src/core/errors.js';
import type { ServerId } from '../../src/core/server.js';
import type { VSCode } from '../../src/vscode/editor/api.js';
import { failureText } from '../../src/vscode/texts/failure-texts.js';
import { translate } from '../support/editor-values.js';
import { fates, WindowCrowd } from '../support/window-crowd.js';

const limitMs = 120_000;
const windowCount = 8;
const rounds = 15;

describe('windows that are processes, and a real authorization server', () => {
  let crowd: WindowCrowd;

  beforeEach(async function () {
    this.timeout(limitMs);
    crowd = await WindowCrowd.start();
  });
  afterEach(() => crowd.close());

  const counts = () => crowd.issuer.counts();
  const asJson = (line: string) => JSON.parse(line.replace(/^\w+ /, '')) as Record<string, unknown>;

  it('renew once at each expiry, however many of them want it at the same moment', async () => {
    const windows = await crowd.open(windowCount);
    await crowd.signIn();
    await Promise.all(windows.map((window) => window.says(/^ready$/)));
    for (let round = 1; round <= rounds; round++) {
      const answers = new Set(await crowd.expire(windows));
      assert.equal(answers.size, 1, `Round ${round}: ${[...answers].join(', ')}`);
      assert.match([...answers].join(), /^token /);
      assert.equal(counts().refreshes, round);
    }
    assert.deepEqual([counts().refusedRefreshes, counts().signIns], [0, 1]);
    assert.equal(
      readdirSync(join(crowd.folder, 'leases')).length,
      2,
      'One file for the key, one for the credential.',
    );
    assert.equal(readdirSync(join(crowd.folder, 'journal')).length, 2);
  }).timeout(limitMs);

  it('outlive one that is killed at any step of a renewal; what only it knew is told as such', async () => {
    const survivors = await crowd.open(2);
    await crowd.signIn();
    await Promise.all(survivors.map((window) => window.says(/^ready$/)));
    const lost: string[] = [];
    for (const [step, fate] of Object.entries(fates)) {
      const before = counts();
      const [dying] = await crowd.open(1);
      assert.ok(dying !== undefined);
      dying.tell(`stop ${step}`);
      dying.tell(crowd.expiry());
      await dying.says(new RegExp(`^at ${step}$`));
      if (step === 'request-sent') {
        await crowd.issuer.occurrence(() => counts().refreshes > before.refreshes);
      }
      await dying.kill();

      const answers = await crowd.expire(survivors);
      const refused = counts().refusedRefreshes - before.refusedRefreshes;
      if (fate === 'kept') {
        assert.equal(new Set(answers).size, 1, `${step}: ${answers.join(', ')}`);
        assert.match(answers[0] ?? '', /^token /, step);
        assert.equal(refused, 0, step);
        continue;
      }
      lost.push(step);
      assert.equal(refused, 1, `${step}: the spent refresh token is presented by one window, once.`);
      for (const answer of answers) {
        const { code, details } = asJson(answer) as { code: ErrorCode; details: ErrorDetails };
        assert.equal(code, 'grant_refused', step);
        const l10n = { t: translate } as unknown as VSCode['l10n'];
        const text = failureText(
          l10n,
          new BrokerError(code, '', { details }),
          'notes' as ServerId,
          Date.now(),
          { backend: 'secretStorage' },
        );
        assert.match(
          text,
          /alice@example\.com has ended: a window was closed or stopped while it renewed it/,
        );
        assert.match(text, /Sign In/);
      }
      for (const state of await crowd.ask(survivors, 'state')) {
        assert.equal(asJson(state)['kind'], 'needs-sign-in', step);
      }
      const from = survivors.map((window) => window.lines.length);
      await crowd.signIn();
      await Promise.all(survivors.map((window, n) => window.says(/^ready$/, from[n])));
    }
    assert.deepEqual(lost, ['request-sent', 'answer-arrived', 'journal-write-begins']);
    assert.equal(counts().signIns, 1 + lost.length);
  }).timeout(limitMs);
});

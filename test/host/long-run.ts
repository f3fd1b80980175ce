import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { alice } from '../support/test-users.js';
import type { EditorWindow } from './editor.js';
import { Ground } from './ground.js';
import { tokenMs } from './parties.js';

const betweenCallsMs = 500;

/** What one window has seen. */
interface Tally {
  calls: number;
  readonly failures: string[];
  slowestMs: number;
}

/**
 * Two windows of one real editor that call a tool all the time, with tokens that live for five seconds. Prints a line
 * for each minute, and whether all of it was as it should be: no failed call, no sign-in but the first, one renewal
 * for each expiry, one session for each window, nothing shown, and no growing memory.
 * @returns whether it was
 */
export async function runLong(minutes: number): Promise<boolean> {
  const ground = new Ground();
  await ground.open({ tickets: {} });
  try {
    await ground.signIn(alice);
    const whoami = await ground.start('tickets', 'whoami');
    const second = await ground.editor.openWindow();
    await ground.start('tickets', 'whoami', second);
    const windows = [ground.editor, second];
    const tallies = windows.map((): Tally => ({ calls: 0, failures: [], slowestMs: 0 }));
    const endAtMs = Date.now() + minutes * 60_000;
    const calling = windows.map((window, n) => callUntil(endAtMs, window, whoami, tallies[n]));
    for (let minute = 1; minute <= minutes; minute++) {
      await wait(60_000);
      const { signIns, refreshes, refusedRefreshes } = ground.issuer.counts();
      const calls = tallies.map((tally) => tally.calls).join(' + ');
      const failures = tallies.flatMap((tally) => tally.failures);
      const memory = (await extensionHostsMb(ground)).join(' + ');
      console.log(
        `minute ${minute}: ${calls} calls, ${failures.length} failed, ${refreshes} renewals, ` +
          `${refusedRefreshes} refused, ${signIns} sign-in, extension hosts ${memory} MB`,
      );
    }
    await Promise.all(calling);
    return await judge(ground, tallies);
  } finally {
    await ground.stop();
  }
}

async function callUntil(
  endAtMs: number,
  window: EditorWindow,
  tool: string,
  tally: Tally | undefined,
): Promise<void> {
  if (tally === undefined) return;
  while (Date.now() < endAtMs) {
    const startedAtMs = Date.now();
    const said = await window.invokeTool(tool).catch(String);
    tally.calls += 1;
    tally.slowestMs = Math.max(tally.slowestMs, Date.now() - startedAtMs);
    if (said !== 'alice@example.com (Alice)') tally.failures.push(said);
    await wait(betweenCallsMs);
  }
}

async function judge(ground: Ground, tallies: readonly Tally[]): Promise<boolean> {
  const { signIns, refusedRefreshes } = ground.issuer.counts();
  const renewedAtMs = ground.refreshedAtMs();
  const gapsMs = renewedAtMs.slice(1).map((atMs, index) => atMs - (renewedAtMs[index] ?? 0));
  const closestMs = Math.min(...gapsMs);
  const shown = await ground.editor.notifications();
  const failures = tallies.flatMap((tally) => tally.failures);
  const sessions = ground.server('tickets').sessions.length;
  console.log(
    `closest renewals ${closestMs} ms apart, slowest call ${Math.max(...tallies.map((tally) => tally.slowestMs))} ms, ` +
      `${sessions} sessions, ${shown.length} notifications; failures: ${JSON.stringify([...new Set(failures)])}`,
  );
  return (
    failures.length === 0 &&
    signIns === 1 &&
    refusedRefreshes === 0 &&
    closestMs > 0.7 * tokenMs &&
    sessions === tallies.length &&
    shown.length === 0
  );
}

/** The resident memory of each extension host, in megabytes. */
async function extensionHostsMb(ground: Ground): Promise<number[]> {
  const hosts = (await ground.editor.processes()).filter(({ args }) =>
    args.some((arg) => arg.includes('--type=extensionHost')),
  );
  return Promise.all(
    hosts.map(async ({ pid }) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
    }),
  );
}

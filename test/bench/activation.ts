import { setTimeout as wait } from 'node:timers/promises';
import { CountingClock } from './counting-clock.js';
import { FullProfile } from './full-profile.js';
import type { Measure, Side } from './measure.js';
import type { Sizes } from './sizes.js';

/** What opening a window costs when there is much to remember, beside a window of somebody who has just begun. */
export async function activation({ accounts, sessions }: Sizes): Promise<readonly Measure[]> {
  const full = await FullProfile.make({ accounts, sessions });
  const young = await FullProfile.make({ accounts: 1, sessions: 0 });
  const side = (profile: FullProfile, take: (profile: FullProfile) => Promise<number>): Side => ({
    name: profile.name,
    take: () => take(profile),
  });
  return [
    {
      name: 'activate() returns after',
      unit: 'ms',
      ours: side(full, activateMs),
      baseline: side(young, activateMs),
    },
    {
      name: 'every server can be called after',
      unit: 'ms',
      ours: side(full, readyMs),
      baseline: side(young, readyMs),
    },
    {
      name: 'timers of an idle window',
      unit: 'timers',
      ours: side(full, timers),
      baseline: side(young, timers),
    },
  ];
}

async function activateMs(profile: FullProfile): Promise<number> {
  const beganMs = performance.now();
  const window = profile.window();
  const tookMs = performance.now() - beganMs;
  await window.close();
  return tookMs;
}

async function readyMs(profile: FullProfile): Promise<number> {
  const beganMs = performance.now();
  const window = profile.window();
  await window.ready;
  const tookMs = performance.now() - beganMs;
  await window.close();
  return tookMs;
}

/** Of the part that decides; the status bar has one more, whatever the number of accounts. */
async function timers(profile: FullProfile): Promise<number> {
  const clock = new CountingClock();
  const broker = await profile.loaded(clock);
  // What the first moments have to write is written within a second.
  for (let look = 0; look < 100 && clock.armed > 1; look++) await wait(10);
  const { armed } = clock;
  await broker.close();
  return armed;
}

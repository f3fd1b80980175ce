import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FullProfile } from './full-profile.js';
import type { Measure, Side } from './measure.js';
import type { Sizes } from './sizes.js';

/** What a window keeps in memory for what it remembers, beside the size of the same where it is stored. */
export async function memory({ accounts, sessions, collections }: Sizes): Promise<readonly Measure[]> {
  const young = await FullProfile.make({ accounts: 1, sessions: 0 });
  const manyAccounts = await FullProfile.make({ accounts, sessions: 0 });
  const manySessions = await FullProfile.make({ accounts: 1, sessions });
  const full = await FullProfile.make({ accounts, sessions });
  const held = (profile: FullProfile): Side => ({
    name: profile.name,
    take: async () => (await heldBytes(profile, collections)) / 1_024,
  });
  const each = (profile: FullProfile, count: number, name: string): Side => ({
    name,
    take: async () =>
      ((await heldBytes(profile, collections)) - (await heldBytes(young, collections))) / count,
  });
  const stored = (bytes: number, name: string): Side => ({ name, take: () => Promise.resolve(bytes) });
  const { secrets, credentialKeys } = manyAccounts.stores;
  const record = secrets.values.get(credentialKeys[0] ?? '') ?? '';
  const line = manySessions.stores.ledgerText.split('\n').find((text) => text.includes('"value"')) ?? '';
  return [
    { name: 'memory of a window', unit: 'KiB', ours: held(full), baseline: held(young) },
    {
      name: 'memory for each account',
      unit: 'bytes',
      ours: each(manyAccounts, accounts - 1, manyAccounts.name),
      baseline: stored(record.length, 'its record'),
    },
    {
      name: 'memory for each session',
      unit: 'bytes',
      ours: each(manySessions, sessions, manySessions.name),
      baseline: stored(line.length, 'its line'),
    },
  ];
}

/** How much more is in use while a window of `profile` is open than before. */
async function heldBytes(profile: FullProfile, collections: number): Promise<number> {
  const before = await usedBytes(collections);
  const broker = await profile.loaded();
  profile.stores.secrets.asked.length = 0; // The double's own memory.
  const held = (await usedBytes(collections)) - before;
  await broker.close();
  return held;
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What was just closed is let go of a moment later. */
async function usedBytes(collections: number): Promise<number> {
  for (let round = 0; round < collections; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  return process.memoryUsage().heapUsed;
}

import { readdirSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Account } from '../../src/core/account.js';
import type { ServerId } from '../../src/core/server.js';
import { LeaseFiles } from '../../src/node/lease-file.js';
import { LedgerFiles } from '../../src/node/ledger-files.js';
import { Sessions } from '../../src/vault/ledgers/sessions.js';
import { defaultRules } from '../support/default-rules.js';
import { scratchFolder } from '../support/scratch-folder.js';
import { CountingClock } from './counting-clock.js';
import { silent } from './full-profile.js';
import { timeMs, type Measure, type Side } from './measure.js';
import type { Sizes } from './sizes.js';

/** So many are opened in one go, since one alone is too quick to be timed. */
const opened = 2_000;

const server = 'server' as ServerId;
const account: Account = {
  issuer: 'https://login.example.com',
  subject: 'user',
  label: 'user@example.com',
};

/**
 * What one more session costs, until it is in its file, beside what it costs when there are few; and beside a state
 * that is written whole at each change, which is what an editor's globalState is.
 */
export async function sessionWrites({ sessionsBefore }: Sizes): Promise<readonly Measure[]> {
  const [few, many, most] = sessionsBefore;
  const beside = [await writing(few), await writing(many), await writing(most)] as const;
  return [
    { name: 'one more session', unit: 'µs', ours: beside[1], baseline: beside[0] },
    { name: 'one more session', unit: 'µs', ours: beside[2], baseline: beside[0] },
    { name: 'one more session', unit: 'µs', ours: beside[1], baseline: writingWhole(many) },
  ];
}

async function writing(before: number): Promise<Side> {
  const root = scratchFolder();
  const folder = join(root, 'sessions');
  const leases = new LeaseFiles(join(root, 'leases'), silent);
  const rules = { ...defaultRules, sessionsKeepCount: () => before + opened };
  const window = () =>
    new Sessions(
      { ledger: new LedgerFiles(folder, leases, silent), clock: new CountingClock(), log: silent },
      rules,
    );
  const first = window();
  for (let n = 0; n < before; n++) await first.open(server, `session-${n}`, account);
  await first.end();
  const files = new Set(readdirSync(folder));
  return {
    name: `beside ${before}`,
    take: async () => {
      const sessions = window();
      await sessions.accountOf(server, 'so that the others have been read');
      const tookMs = await timeMs(async () => {
        for (let n = 0; n < opened; n++) await sessions.open(server, `new-${n}`, account);
        await sessions.end();
      });
      // The next window finds as many as this one.
      for (const file of readdirSync(folder)) if (!files.has(file)) rmSync(join(folder, file));
      return (tookMs * 1_000) / opened;
    },
  };
}

function writingWhole(before: number): Side {
  const state = Object.fromEntries(
    Array.from({ length: before }, (_, n) => [
      `session:${`${n}`.padStart(64, '0')}`,
      { server, account, openedAtMs: n },
    ]),
  );
  const path = join(scratchFolder(), 'state.json');
  return {
    name: `${before} in one state`,
    take: async () => {
      const file = await open(path, 'w');
      const tookMs = await timeMs(() => file.writeFile(JSON.stringify(state)));
      await file.close();
      return tookMs * 1_000;
    },
  };
}

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { LeaseFiles, type LeaseNews } from '../../src/node/lease-file.js';
import type { LeaseSystem } from '../../src/node/lease-system.js';
import { processSpace } from '../../src/node/process-space.js';
import { Child } from '../support/child-process.js';
import { RecordingLog } from '../support/recording-log.js';
import { scratchFolder } from '../support/scratch-folder.js';

const name = '["https://as.example.com","c","alice","https://mcp.example.com/mcp"]';
const prefix = createHash('sha256').update(name).digest('hex').slice(0, 32);
const childLimitMs = 30_000;

/** Where the processes of these tests know each other. */
const here = processSpace();

/** Each look of a watcher takes a second of its own time and a moment of ours. */
function quickSystem(isAlive: (pid: number) => boolean = () => true): LeaseSystem & { looks: number } {
  const system = {
    looks: 0,
    monotonicMs: () => system.looks * 1_000,
    sleep: async () => {
      system.looks += 1;
      await wait(1);
    },
    random: () => 0.5,
    space: here,
    isAlive,
  };
  return system;
}

describe('leases in files', () => {
  let folder: string;
  let log: RecordingLog;
  const children: Child[] = [];

  const told: string[] = [];
  const news: LeaseNews = {
    onWait: () => told.push('waits'),
    onTakeover: (name, why) => told.push(`${why} ${name}`),
  };

  beforeEach(() => {
    told.length = 0;
    folder = join(scratchFolder(), 'leases');
    log = new RecordingLog();
  });
  afterEach(() => Promise.all(children.splice(0).map((child) => child.kill())));

  const leases = (system?: LeaseSystem) => new LeaseFiles(folder, log, news, system);
  const files = () => readdirSync(folder).sort();
  const claimOf = (number: number) =>
    JSON.parse(readFileSync(pathOf(number), 'utf8')) as { isReleased: boolean };
  const pathOf = (number: number) => join(folder, `${prefix}.${number}.lease`);

  async function child(...args: readonly string[]): Promise<Child> {
    const made = new Child('lease-child', folder, ...args);
    children.push(made);
    await made.says(/^ready$/);
    return made;
  }

  /** A lease as another window has left it. */
  function leave(number: number, claim: object | string): void {
    mkdirSync(folder, { recursive: true });
    const known = { owner: 'o', space: here, pid: process.pid, isReleased: false };
    writeFileSync(pathOf(number), typeof claim === 'string' ? claim : JSON.stringify({ ...known, ...claim }));
  }

  it('are held by one of twenty who want one at the same time', async () => {
    let holders = 0;
    let most = 0;
    const rounds = Array.from({ length: 20 }, () =>
      leases().hold(name, async (lease) => {
        most = Math.max(most, ++holders);
        await wait(1);
        assert.ok(await lease.isHeld());
        holders -= 1;
      }),
    );
    await Promise.all(rounds);
    assert.equal(most, 1);
    assert.deepEqual(files().length, 1, 'Nothing is left but the last number.');
    assert.deepEqual(log.lines, []);
  }).timeout(childLimitMs);

  it('of different names do not wait for each other', async () => {
    const answer = await leases().hold('a', () => leases().hold('b', () => Promise.resolve('both')));
    assert.equal(answer, 'both');
  });

  it('are held by one of several processes at a time', async () => {
    const journal = join(scratchFolder(), 'work');
    const crowd = await Promise.all([1, 2, 3, 4].map(() => child(journal)));
    for (const one of crowd) one.tell(`work ${prefix} 10`);
    await Promise.all(crowd.map((one) => one.says(/^done$/)));
    const lines = readFileSync(journal, 'utf8').trim().split('\n');
    assert.equal(lines.length, 80);
    for (let at = 0; at < lines.length; at += 2) {
      assert.match(lines[at] ?? '', /^begin/);
      assert.equal(lines[at + 1], lines[at]?.replace('begin', 'end'), 'Two worked at the same time.');
    }
    assert.deepEqual(new Set(lines.map((line) => line.split(' ')[1])).size, 4);
  }).timeout(childLimitMs);

  it('are given back when the work is done, and when it fails', async () => {
    assert.equal(await leases().hold(name, () => Promise.resolve('done')), 'done');
    assert.ok(claimOf(1).isReleased);
    await assert.rejects(
      leases().hold(name, () => Promise.reject(new Error('full disk'))),
      /full disk/,
    );
    assert.ok(claimOf(2).isReleased);
  });

  it('of a holder that was killed go to the next one at once', async () => {
    const holder = await child();
    holder.tell(`hold ${name}`);
    await holder.says(/^held$/);
    const next = leases().hold(name, (lease) => lease.isHeld());
    await holder.kill();
    assert.equal(await next, true);
    assert.equal(told.at(-1), `dead ${name}`);
  }).timeout(childLimitMs);

  it('of a frozen holder go to the next one, and it knows when it wakes up', async () => {
    const holder = await child();
    holder.tell(`hold ${name}`);
    await holder.says(/^held$/);
    holder.signal('SIGSTOP');
    const system = quickSystem();
    await leases(system).hold(name, async (lease) => {
      assert.ok(system.looks >= 15, 'It was given its time.');
      holder.signal('SIGCONT');
      holder.tell('release');
      assert.equal(await holder.says(/^isHeld/), 'isHeld false');
      await holder.says(/^released$/);
      assert.ok(await lease.isHeld(), 'The late one has taken nothing away.');
      assert.equal(claimOf(2).isReleased, false);
      assert.deepEqual(told, ['waits', `frozen ${name}`]);
    });
  }).timeout(childLimitMs);

  it('of a frozen holder go to one of two who want it at the same time', async () => {
    leave(7, {});
    let holders = 0;
    let isTaken = false;
    const take = () => {
      // Only the wait for the frozen one is quick: whoever takes over beats in real time and must not seem frozen.
      const system = quickSystem();
      const watched = { ...system, monotonicMs: () => (isTaken ? 0 : system.monotonicMs()) };
      return leases(watched).hold(name, async () => {
        isTaken = true;
        assert.equal(++holders, 1);
        await wait(20);
        holders -= 1;
      });
    };
    await Promise.all([take(), take(), take()]);
    assert.deepEqual(files(), [`${prefix}.10.lease`]);
  }).timeout(childLimitMs);

  it('of a holder that moves are waited for, however long', async () => {
    leave(3, {});
    const system = quickSystem();
    const moving: LeaseSystem = {
      ...system,
      sleep: async () => {
        await system.sleep(0);
        if (system.looks === 60) leave(3, { isReleased: true });
        else if (system.looks % 5 === 0) utimesSync(pathOf(3), 0, system.looks);
      },
    };
    await leases(moving).hold(name, () => Promise.resolve());
    assert.ok(system.looks >= 60, `It was taken after ${system.looks} looks.`);
    assert.deepEqual(told, ['waits'], 'Once, and nothing was taken from anybody.');
  });

  it('stay with a holder whose disk is full, and whoever wants them meanwhile leaves nothing behind', async function () {
    if (process.platform !== 'linux') return this.skip();
    const [holder, taker] = await Promise.all([child(), child()]);
    holder.tell(`hold ${name}`);
    await holder.says(/^held$/);
    for (const one of [holder, taker]) one.fillDisk();
    const takenAt = statSync(pathOf(1)).mtimeMs;
    while (statSync(pathOf(1)).mtimeMs === takenAt) await wait(50);
    taker.tell('hold another');
    await taker.says(/^held$/);
    assert.deepEqual(files(), [`${prefix}.1.lease`]);
    holder.tell('release');
    assert.equal(await holder.says(/^isHeld/), 'isHeld true');
  }).timeout(childLimitMs);

  it('of a holder are not taken by a watcher that has slept itself', async () => {
    leave(3, {});
    const system = quickSystem();
    const asleep: LeaseSystem = { ...system, monotonicMs: () => system.looks * 3_600_000 };
    await leases(asleep).hold(name, () => Promise.resolve());
    assert.ok(system.looks >= 15, `It was taken after ${system.looks} looks.`);
  });

  it('of a process of another container are not taken for dead', async () => {
    leave(3, { space: 'another one', pid: 1 });
    const system = quickSystem(() => false);
    await leases(system).hold(name, () => Promise.resolve());
    assert.ok(system.looks >= 15);
  });

  for (const [what, text] of [
    ['nothing', ''],
    ['half a claim', '{"owner":"o","ho'],
  ] as const) {
    it(`go on after a window that was killed when it had written ${what}`, async () => {
      leave(4, text);
      const system = quickSystem();
      assert.equal(await leases(system).hold(name, (lease) => lease.isHeld()), true);
      assert.ok(system.looks >= 15, 'It may just be writing.');
      assert.deepEqual(files(), [`${prefix}.5.lease`]);
    });
  }

  it('leave no files behind but one for each name, also after crashes', async () => {
    leave(8, { isReleased: true });
    for (const old of [1, 2, 3]) leave(old, {});
    writeFileSync(`${pathOf(8)}.0a1b`, 'what a window was writing');
    writeFileSync(join(folder, `${prefix}0.3.lease`), 'of another name');
    for (let round = 0; round < 5; round++) await leases().hold(name, () => Promise.resolve());
    assert.deepEqual(files(), [`${prefix}.13.lease`, `${prefix}0.3.lease`]);
    assert.deepEqual(told, []);
  });

  it('know that they are lost when somebody has emptied the folder', async () => {
    await leases().hold(name, async (lease) => {
      rmSync(folder, { recursive: true });
      mkdirSync(folder);
      assert.equal(await lease.isHeld(), false);
    });
  });

  it('are for the user alone', async () => {
    await leases().hold(name, async () => {
      assert.equal(statSync(folder).mode & 0o777, 0o700);
      assert.equal(statSync(pathOf(1)).mode & 0o777, 0o600);
      await Promise.resolve();
    });
    assert.equal(statSync(pathOf(1)).mode & 0o777, 0o600);
  });

  it('are done without where none can be kept, which is said once', async () => {
    writeFileSync(folder, 'no folder');
    const without = leases(quickSystem());
    for (let round = 0; round < 3; round++) {
      assert.equal(await without.hold(name, (lease) => lease.isHeld()), true);
    }
    assert.equal(log.at('warn').length, 1);
    assert.match(log.text, /Windows cannot be coordinated/);
  });

  it('are done without after a while that is another one each time, so that windows seldom meet', async () => {
    writeFileSync(folder, 'no folder');
    const sleptMs: number[] = [];
    const chances = [0.2, 0.8];
    const without = leases({
      ...quickSystem(),
      random: () => chances.shift() ?? 0,
      sleep: (ms) => Promise.resolve(void sleptMs.push(ms)),
    });
    await without.hold(name, () => Promise.resolve());
    await without.hold(name, () => Promise.resolve());
    assert.deepEqual(sleptMs.slice(-2), [600, 2_400]);
  });

  it('are kept again when the trouble is over', async () => {
    writeFileSync(folder, 'no folder');
    const troubled = leases({
      ...quickSystem(),
      sleep: () => {
        rmSync(folder, { force: true });
        return Promise.resolve();
      },
    });
    assert.equal(await troubled.hold(name, (lease) => lease.isHeld()), true);
    assert.deepEqual([files(), log.at('warn')], [[`${prefix}.1.lease`], []]);
  });
});

import { anyWindow, type Seat } from './seat.js';
import type { User } from './user.js';
import { noFaults, troubles, type World } from './world.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

export interface UnrestParts {
  readonly world: World;
  readonly seats: readonly Seat[];
  readonly user: User;
  /** Closes the window of a seat, which is opened again a while later. */
  readonly close: (seat: Seat) => Promise<void>;
  /** How many times as often the user signs out, and issuers and the storage are in trouble. */
  readonly haste: number;
}

/** What happens again and again while windows are in use, and what goes wrong with them, with the network and with the storage. */
export class Unrest {
  constructor(private readonly parts: UnrestParts) {}

  /** Plans everything, each at its own times. */
  begin(): void {
    const { world, seats, user, close, haste } = this.parts;
    const { faults, clock, judge, issuers, dice } = world;
    user.isCalm = false;
    const forAWhile = (lowMs: number, highMs: number, begin: () => () => void) => () => {
      clock.after(dice.between(lowMs, highMs), begin());
    };
    this.again(400, () => user.call());
    this.again(16, () => anyWindow(seats, dice)?.window.gate.dieIn(1 + Math.floor(dice.next() * 60)));
    this.again(8, () => anyWindow(seats, dice)?.window.gate.freezeIn(1 + Math.floor(dice.next() * 60)));
    this.again(4, () => {
      const open = anyWindow(seats, dice);
      judge.count('reloads');
      if (open !== undefined) void close(open.seat);
    });
    this.again(5 * haste, () => user.signOut());
    this.again(0.5, () => {
      const open = anyWindow(seats, dice);
      if (open !== undefined) user.signIn(open.seat, dice.pick(open.seat.places));
    });
    this.again(0.3, () => {
      const family = dice.pick(issuers).families.findLast(({ deathCause }) => deathCause === undefined);
      if (family !== undefined) family.issuer.end(family, 'revoked');
    });
    this.again(
      2,
      forAWhile(minuteMs, 2 * hourMs, () => {
        faults.isOffline = true;
        faults.isKnownToBeOffline = dice.chance(0.5);
        return () => {
          faults.isOffline = false;
          faults.isKnownToBeOffline = false;
        };
      }),
    );
    this.again(
      8 * haste,
      forAWhile(minuteMs, 2 * hourMs, () => {
        const issuer = dice.pick(issuers);
        faults.troubles.set(issuer, dice.pick(troubles));
        return () => faults.troubles.delete(issuer);
      }),
    );
    this.again(
      2,
      forAWhile(minuteMs, 20 * minuteMs, () => {
        faults.lostAnswers = 0.1;
        return () => (faults.lostAnswers = 0);
      }),
    );
    const storageFaults = ['secretsFail', 'journalWritesFail', 'journalReadsFail'] as const;
    for (const fault of storageFaults) {
      this.again(
        3,
        forAWhile(500, 5 * minuteMs, () => {
          faults[fault] = true;
          return () => (faults[fault] = false);
        }),
      );
    }
    this.again(3 * haste, () => (faults.storageFailsNextForMs = dice.between(1_000, 5 * minuteMs)));
    this.again(
      2,
      forAWhile(minuteMs, hourMs, () => {
        faults.lostNews = 0.5;
        return () => (faults.lostNews = 0);
      }),
    );
    this.again(2, () => this.#sleep(dice.between(10 * minuteMs, 10 * hourMs)));
    this.again(
      1,
      forAWhile(10 * minuteMs, 6 * hourMs, () => {
        judge.count('clock jumps');
        world.clockIsAheadMs += (dice.chance(0.5) ? 1 : -1) * dice.between(10_000, 3 * dayMs);
        return () => (world.clockIsAheadMs = 0);
      }),
    );
    this.again(1 / 20, () => void this.#forget());
  }

  /** Everything works again, and nothing happens any more but what the user is asked for. */
  end(): void {
    const { world, seats, user } = this.parts;
    const { faults } = world;
    user.isCalm = true;
    Object.assign(faults, noFaults);
    faults.troubles.clear();
    world.clockIsAheadMs = 0;
    for (const { window } of seats) {
      window?.gate.dieIn(Infinity);
      window?.thaw();
    }
  }

  /** Lets something happen so often, until the end. */
  again(timesPerDay: number, happen: () => void): void {
    const { world, user } = this.parts;
    world.clock.after(Math.min(world.dice.until(timesPerDay), 24 * dayMs), () => {
      if (user.isCalm) return;
      happen();
      this.again(timesPerDay, happen);
    });
  }

  #sleep(forMs: number): void {
    const { judge, clock } = this.parts.world;
    judge.count('sleeps');
    clock.sleep(forMs);
  }

  /** A computer without a keyring: when the editor is closed, SecretStorage is gone. */
  async #forget(): Promise<void> {
    const { world, seats, close } = this.parts;
    const { judge, secrets } = world;
    judge.count('times that SecretStorage forgot everything');
    await Promise.all(seats.map(close));
    secrets.durable.clear();
    judge.forgot();
  }
}

import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { Deadlines, type Repeat, TICK_MS, Waiting } from '../../src/connection/deadlines.ts';

/** Time as the test says: a timer that fires once a step, late if the step is long. */
class Time {
  now = 1_000_000;
  readonly clock = { now: () => this.now };
  readonly #timers = new Set<() => void>();
  readonly repeat: Repeat = (milliseconds, run) => {
    assert.equal(milliseconds, TICK_MS);
    this.#timers.add(run);
    return () => this.#timers.delete(run);
  };

  get timers(): number {
    return this.#timers.size;
  }

  /** The process is busy, or stopped, for so long; then its timer fires once. */
  pass(milliseconds = TICK_MS): void {
    this.now += milliseconds;
    for (const run of [...this.#timers]) run();
  }

  /** Whole ticks on time. */
  ticks(count: number): void {
    for (let tick = 0; tick < count; tick++) this.pass();
  }

  /** Time in which no timer can fire. */
  busy(milliseconds: number): void {
    this.now += milliseconds;
  }
}

class Guest extends Waiting {
  readonly expiredAt: number[] = [];
  readonly time: Time;
  onExpire: (() => void) | undefined;

  constructor(time: Time) {
    super();
    this.time = time;
  }

  expire(): void {
    this.expiredAt.push(this.time.now);
    this.onExpire?.();
  }
}

describe('deadlines', () => {
  let time = new Time();
  let deadlines = new Deadlines(time.clock, time.repeat);
  beforeEach(() => {
    time = new Time();
    deadlines = new Deadlines(time.clock, time.repeat);
  });

  for (const afterMs of [1, 99, 100, 101, 250, 1000, 30_000, 60_000, 120_050]) {
    it(`fires after ${afterMs} ms, up to two ticks late and never early`, () => {
      const guest = new Guest(time);
      const setAt = time.now;
      deadlines.set(guest, afterMs);
      while (guest.expiredAt.length === 0 && time.now < setAt + afterMs + 10 * TICK_MS) time.pass();
      const late = (guest.expiredAt[0] ?? Number.NaN) - setAt - afterMs;
      assert.ok(late >= 0 && late <= 2 * TICK_MS, `${late} ms late`);
    });
  }

  it('fires once', () => {
    const guest = new Guest(time);
    deadlines.set(guest, 100);
    time.ticks(2000);
    assert.equal(guest.expiredAt.length, 1);
  });

  it('counts from the last time that it was set', () => {
    const guest = new Guest(time);
    const setAt = time.now;
    for (let round = 0; round < 50; round++) {
      deadlines.set(guest, 500);
      time.ticks(4);
    }
    assert.deepEqual(guest.expiredAt, []);
    time.ticks(10);
    assert.equal(guest.expiredAt.length, 1);
    assert.ok((guest.expiredAt[0] ?? 0) >= setAt + 50 * 400);
  });

  it('is brought forward as well as put off', () => {
    const guest = new Guest(time);
    deadlines.set(guest, 60_000);
    deadlines.set(guest, 200);
    time.ticks(4);
    assert.equal(guest.expiredAt.length, 1);
    time.ticks(700);
    assert.equal(guest.expiredAt.length, 1);
  });

  it('does not fire once it is cleared, and may be cleared twice', () => {
    const [guest, other] = [new Guest(time), new Guest(time)];
    deadlines.set(guest, 200);
    deadlines.set(other, 200);
    deadlines.clear(guest);
    deadlines.clear(guest);
    time.ticks(10);
    assert.deepEqual([guest.expiredAt.length, other.expiredAt.length], [0, 1]);
  });

  it('keeps those apart that share a slot', () => {
    const guests = Array.from({ length: 30 }, () => new Guest(time));
    for (const guest of guests) deadlines.set(guest, 300);
    for (const index of [0, 7, 15, 29]) deadlines.clear(guests[index] as Guest);
    deadlines.set(guests[3] as Guest, 900);
    time.ticks(5);
    const expired = guests.map((guest) => guest.expiredAt.length);
    const expected = guests.map((_, index) => ([0, 3, 7, 15, 29].includes(index) ? 0 : 1));
    assert.deepEqual(expired, expected);
  });

  it('may be set again where it fires', () => {
    const guest = new Guest(time);
    guest.onExpire = () => {
      if (guest.expiredAt.length < 3) deadlines.set(guest, 200);
    };
    deadlines.set(guest, 200);
    time.ticks(50);
    assert.equal(guest.expiredAt.length, 3);
  });

  it('may clear others where it fires', () => {
    const [guest, other] = [new Guest(time), new Guest(time)];
    guest.onExpire = () => deadlines.clear(other);
    other.onExpire = () => deadlines.clear(guest);
    deadlines.set(guest, 200);
    deadlines.set(other, 200);
    time.ticks(10);
    assert.equal(guest.expiredAt.length + other.expiredAt.length, 1);
  });

  it('goes on after a pause in which nothing waited', () => {
    const guest = new Guest(time);
    deadlines.set(guest, 100);
    time.ticks(5);
    time.busy(3_600_000);
    const setAt = time.now;
    deadlines.set(guest, 1000);
    time.ticks(9);
    assert.equal(guest.expiredAt.length, 1);
    time.ticks(5);
    assert.equal(guest.expiredAt.length, 2);
    assert.ok((guest.expiredAt[1] ?? 0) >= setAt + 1000);
  });

  it('has one timer while something waits, and none else', () => {
    const guest = new Guest(time);
    guest.onExpire = () => {
      if (guest.expiredAt.length < 4) deadlines.set(guest, 100);
      assert.equal(time.timers, 1);
    };
    assert.equal(time.timers, 0);
    deadlines.set(guest, 100);
    deadlines.set(guest, 200);
    assert.equal(time.timers, 1);
    time.ticks(20);
    assert.deepEqual([guest.expiredAt.length, time.timers], [4, 0]);
    deadlines.set(guest, 100);
    deadlines.clear(guest);
    assert.equal(time.timers, 0);
  });

  it('lets what waits in the sockets be read first after a stop', async () => {
    const guest = new Guest(time);
    deadlines.set(guest, 200);
    time.ticks(2);
    time.pass(60_000);
    assert.deepEqual(guest.expiredAt, []);
    // What was read meanwhile sets the deadline anew.
    deadlines.set(guest, 1000);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(guest.expiredAt, []);
    time.ticks(13);
    assert.equal(guest.expiredAt.length, 1);
  });

  it('fires after a stop where nothing was read', async () => {
    const guest = new Guest(time);
    deadlines.set(guest, 200);
    time.ticks(2);
    time.pass(60_000);
    await new Promise((resolve) => setImmediate(resolve));
    time.ticks(1);
    assert.equal(guest.expiredAt.length, 1);
  });

  it('is not early where the process was busy before it was set', async () => {
    const [other, guest] = [new Guest(time), new Guest(time)];
    deadlines.set(other, 600_000);
    time.ticks(3);
    // A long turn of the event loop, at the end of which a connection begins to wait.
    time.busy(5000);
    const setAt = time.now;
    deadlines.set(guest, 1000);
    time.pass(0);
    await new Promise((resolve) => setImmediate(resolve));
    while (guest.expiredAt.length === 0) time.pass();
    assert.ok((guest.expiredAt[0] ?? 0) >= setAt + 1000, `${(guest.expiredAt[0] ?? 0) - setAt} ms`);
  });

  it('is never early and never lost, however irregular the turns of the event loop', async () => {
    const turn = fc.oneof(
      fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: TICK_MS, max: 3 * TICK_MS }) }),
      fc.record({ kind: fc.constant('busy' as const), ms: fc.integer({ min: 0, max: 700 }) }),
      fc.record({ kind: fc.constant('set' as const), ms: fc.integer({ min: 1, max: 2000 }) }),
      fc.record({ kind: fc.constant('clear' as const), ms: fc.constant(0) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(4), turn), { maxLength: 80 }), async (turns) => {
        const wheel = new Deadlines(time.clock, time.repeat);
        const guests = Array.from({ length: 5 }, () => new Guest(time));
        const dueAt = new Map<Guest, number>();
        for (const guest of guests) {
          guest.onExpire = () => {
            const due = dueAt.get(guest);
            assert.ok(due !== undefined, 'fired without a deadline');
            assert.ok(time.now >= due, `${due - time.now} ms early`);
            dueAt.delete(guest);
          };
        }
        for (const [index, { kind, ms }] of turns) {
          const guest = guests[index] as Guest;
          if (kind === 'pass') time.pass(ms);
          else if (kind === 'busy') time.busy(ms);
          else if (kind === 'set') {
            wheel.set(guest, ms);
            dueAt.set(guest, time.now + ms);
          } else {
            wheel.clear(guest);
            dueAt.delete(guest);
          }
          if (kind === 'pass') await new Promise((resolve) => setImmediate(resolve));
        }
        for (let tick = 0; tick < 40; tick++) {
          time.pass();
          await new Promise((resolve) => setImmediate(resolve));
        }
        assert.equal(dueAt.size, 0, 'some never fired');
      }),
      { numRuns: 100 },
    );
  });
});

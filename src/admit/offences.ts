import type { Rejection } from '../rejection/rejection.ts';
import type { Clock } from './clock.ts';
import { type Offence, type OffencePolicy, offenceOf, pointsOf } from './offence.ts';

/** How often the master hears of them. A client gets so much time at most before a block reaches all edges. */
const reportMs = 100;
/** Clients of one report. More within 100 ms are an attack from everywhere, and a block of each would not end it. */
const maxClients = 10_000;

/**
 * What clients of this edge were refused for, in points of the jail, until the master is told: one message each 100 ms at
 * most, however many refusals there are.
 */
export class Offences {
  readonly #points = new Map<string, number>();
  readonly #clock: Clock;
  readonly #report: (clients: readonly (readonly [client: string, score: number])[]) => void;
  #policy: OffencePolicy;

  constructor(policy: OffencePolicy, clock: Clock, report: (clients: readonly (readonly [string, number])[]) => void) {
    this.#policy = policy;
    this.#clock = clock;
    this.#report = report;
  }

  /**
   * `client` is a `clientKey` of whom the connection or the request is effectively: behind a trusted proxy, what its clients
   * do is not held against the proxy. Refusals that are only observed are no offences.
   */
  refused(client: string, rejection: Rejection): void {
    const offence = offenceOf(rejection);
    if (offence !== null) this.note(client, offence);
  }

  note(client: string, offence: Offence): void {
    const points = pointsOf(offence, this.#policy);
    if (points === 0) return;
    const known = this.#points.get(client);
    if (known === undefined && this.#points.size >= maxClients) return;
    if (this.#points.size === 0) this.#clock.after(reportMs, () => this.#send());
    // More than blocks a client adds nothing, and without a bound a flood would sum up to what the master takes for a fault.
    this.#points.set(client, Math.min((known ?? 0) + points, this.#policy.maxScore));
  }

  adopt(policy: OffencePolicy): void {
    this.#policy = policy;
  }

  #send(): void {
    const clients = [...this.#points];
    this.#points.clear();
    this.#report(clients);
  }
}

import { type ConnectionState, connectionStates, type EdgeReport, gaugeAt, gaugeCount } from './edge-counts.ts';
import type { EdgeMeter } from './edge-meter.ts';
import { LoopWatch } from './loop-watch.ts';

/** How an edge is at the moment. */
export type EdgeGauges = {
  readonly connections: Readonly<Record<ConnectionState, number>>;
  /** Requests that wait for a worker or are with one. */
  readonly inFlight: number;
  readonly queued: number;
  readonly heldBytes: number;
  readonly spoolBytes: number;
};

/** The most that a death by kill -9 may take with it. */
const reportMs = 1_000;

/** Tells the master once a second, and whenever it asks, what this edge has counted. */
export class EdgeReporting {
  readonly #meter: EdgeMeter;
  readonly #gauges: () => EdgeGauges;
  readonly #send: (id: number, report: EdgeReport) => void;
  readonly #loop = new LoopWatch();

  /** `send` gets the id of the question, 0 where nobody has asked. */
  constructor(meter: EdgeMeter, gauges: () => EdgeGauges, send: (id: number, report: EdgeReport) => void) {
    this.#meter = meter;
    this.#gauges = gauges;
    this.#send = send;
    setInterval(() => this.#tick(), reportMs).unref();
  }

  answer(id: number): void {
    this.#send(id, this.#meter.report(this.#placedGauges(), false));
  }

  /** The last one. */
  end(): void {
    this.#send(0, this.#meter.report(new Array<number>(gaugeCount).fill(0), true));
  }

  #tick(): void {
    this.#loop.tell(this.#meter);
    this.#send(0, this.#meter.report(this.#placedGauges(), true));
  }

  #placedGauges(): readonly number[] {
    const { connections, inFlight, queued, heldBytes, spoolBytes } = this.#gauges();
    const placed = new Array<number>(gaugeCount).fill(0);
    for (const [index, state] of connectionStates.entries()) placed[gaugeAt.connections + index] = connections[state];
    placed[gaugeAt.inFlight] = inFlight;
    placed[gaugeAt.queued] = queued;
    placed[gaugeAt.heldBytes] = heldBytes;
    placed[gaugeAt.spoolBytes] = spoolBytes;
    return placed;
  }
}

import type { Config } from '../config/config.ts';
import type { Log } from '../telemetry/error-log.ts';
import { countLogged } from '../telemetry/metrics/logged-counts.ts';
import { AdminServer, type AdminSource } from './admin-server.ts';
import { Metrics } from './metrics.ts';

/** What is counted of a server, where somebody asked for it, and the listener that tells it. */
export class Observation {
  /** Null: nobody asked. */
  readonly metrics: Metrics | null;
  /** The log whose lines are counted. */
  readonly log: Log;
  readonly #admin: AdminServer | null;

  private constructor(config: Config, log: Log) {
    const metrics = config.admin === null && config.statsd === null ? null : new Metrics(config.statsd, log);
    this.metrics = metrics;
    this.log = metrics === null ? log : countLogged(log, (kind) => metrics.countLogged(kind));
    this.#admin = config.admin === null ? null : new AdminServer(config.admin, log);
  }

  /**
   * Throws `BindError` where the address of `--admin` cannot be had. With `waits` the server before this one has it, and gives it
   * up.
   */
  static async begin(config: Config, log: Log, waits: boolean): Promise<Observation> {
    const observation = new Observation(config, log);
    const admin = observation.#admin;
    await admin?.listen(waits);
    if (admin?.url != null) log.info(`Metrics at: ${admin.url}`);
    return observation;
  }

  /** Until now it boots. */
  of(server: AdminSource): void {
    if (this.#admin !== null) this.#admin.source = server;
  }

  end(): void {
    this.#admin?.close();
  }
}

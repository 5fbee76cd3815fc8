import type { Rejection } from '../rejection/rejection.ts';
import type { LogLevel } from '../telemetry/error-log.ts';
import type { Client } from './client.ts';
import type { Edge } from './edge-context.ts';
import type { ReceivedRequest } from './received-request.ts';

/** Tells whoever has to hear of it what one connection refuses: the log, the recorder, the counts and the jail. */
export class Reporter {
  private readonly edge: Edge;
  private readonly client: Client;
  /** Null: refusals are not recorded. */
  private readonly received: ReceivedRequest | null;

  constructor(edge: Edge, client: Client, received: ReceivedRequest | null) {
    this.edge = edge;
    this.client = client;
    this.received = received;
  }

  refused(rejection: Rejection): void {
    const { rule, detail } = rejection;
    this.edge.meter?.refused(rule);
    this.edge.log.limited(rule, `Refused ${this.peer}: ${rule} (${detail})`);
    this.received?.record(rejection, this.client.sender, false);
    const { key } = this.client;
    if (key !== null) this.edge.offences.refused(key, rejection);
  }

  /** The rule is only observed: the request passes. */
  observed(rejection: Rejection): void {
    const { rule, detail } = rejection;
    this.received?.record(rejection, this.client.sender, true);
    this.edge.observations.note(rule);
    this.edge.meter?.observed(rule);
    this.edge.log.limited(`observed ${rule}`, `Would refuse ${this.peer}: ${rule} (${detail})`);
  }

  /** Nobody waited for an answer, or none could be sent any more. */
  closed({ rule, detail }: Rejection, level: LogLevel): void {
    this.edge.meter?.refused(rule);
    this.edge.log.limited(rule, `Closed a connection of ${this.peer}: ${rule} (${detail})`, level);
  }

  proxyNamedNobody(): void {
    const text = `${this.peer} is a trusted proxy and sent no address of its client`;
    this.edge.log.limited('forwarded', text, 'warning');
  }

  private get peer(): string {
    return this.client.remote.address || 'a client';
  }
}

import { type Rejection, reject } from '../rejection/rejection.ts';
import type { Log } from '../telemetry/error-log.ts';
import { stackOf } from '../telemetry/stack.ts';
import type { UwsgiAddress } from '../worker/uwsgi-target.ts';
import type { DispatchBounds, DispatchedRequest, Dispatcher, ResponseSink } from './dispatch.ts';
import { leastBusy } from './least-busy.ts';
import { RequestQueue } from './request-queue.ts';
import { encodePacket, type PacketLimits } from './uwsgi-packet.ts';
import { UwsgiRequest, type UwsgiRequestBounds, type UwsgiRequestOwner } from './uwsgi-request.ts';
import { type ServerOwner, UwsgiServer } from './uwsgi-server.ts';

/** Environs are bounded by what a packet may hold. `helloMs`: what a request may wait for somebody to take it. */
export type UwsgiBounds = Omit<DispatchBounds, 'maxEnvironBytes'>;

export type UwsgiDispatcherOptions = UwsgiBounds & {
  readonly servers: readonly UwsgiAddress[];
  readonly log: Log;
  /** So many servers are known to be there. Said when it is another number than before. */
  readonly onReachable?: (servers: number) => void;
};

/** Of the time that a request may wait: one that tries a machine that is gone has time for two more. */
const connectShare = 3;
const longestConnectMs = 5_000;

const nothing = Buffer.alloc(0);

/**
 * Runs requests in uWSGI servers, on this machine or on others. The one with the fewest requests for its weight takes the
 * next; where all are full or away it waits in a bounded queue. One that could not be sent goes to another server.
 */
export class UwsgiDispatcher implements Dispatcher, UwsgiRequestOwner, ServerOwner {
  readonly needsContentLength = true;
  readonly log: Log;
  readonly #servers: readonly UwsgiServer[];
  readonly #queue = new RequestQueue<UwsgiRequest>();
  /** Any server may get any request: what the least of them takes holds for all. */
  readonly #packetLimits: PacketLimits;
  readonly #onReachable: (servers: number) => void;
  #queueMax: number;
  #requestBounds: UwsgiRequestBounds;
  #reachable = 0;

  constructor(options: UwsgiDispatcherOptions) {
    const { servers, log, onReachable = () => {} } = options;
    this.log = log;
    this.#onReachable = onReachable;
    this.#queueMax = options.queueMax;
    this.#requestBounds = requestBounds(options);
    this.#packetLimits = {
      bufferBytes: Math.min(...servers.map(({ bufferBytes }) => bufferBytes)),
      maxVariables: Math.min(...servers.map(({ maxVariables }) => maxVariables)),
    };
    this.#servers = servers.map((address) => new UwsgiServer(address, this));
    for (const server of this.#servers) server.watch();
  }

  /** Holds for the requests dispatched from now on. */
  adopt(bounds: UwsgiBounds): void {
    this.#queueMax = bounds.queueMax;
    this.#requestBounds = requestBounds(bounds);
  }

  dispatch(environ: Uint8Array, hasContent: boolean, sink: ResponseSink): DispatchedRequest {
    const bounds = this.#requestBounds;
    const packet = encodePacket(environ, this.#packetLimits);
    if (!Buffer.isBuffer(packet))
      return this.#refused(new UwsgiRequest(nothing, hasContent, sink, bounds, this), packet);
    const request = new UwsgiRequest(packet, hasContent, sink, bounds, this);
    const server = this.#queue.length === 0 ? this.#choose(null) : null;
    if (server !== null) {
      request.goTo(server);
    } else if (this.#queue.length < this.#queueMax) {
      this.#queue.add(request);
    } else {
      const detail = `${this.#queue.length} requests wait for an upstream already`;
      return this.#refused(request, reject('overload.queue', detail));
    }
    return request;
  }

  get inFlight(): number {
    return this.#queue.length + this.#servers.reduce((sum, { inFlight }) => sum + inFlight, 0);
  }

  /** Requests that wait for a server. */
  get waiting(): number {
    return this.#queue.length;
  }

  get hasWorkers(): boolean {
    return this.#servers.some(({ state }) => state !== 'down');
  }

  /** Ends the watch over the servers; what waits fails. */
  close(): void {
    for (const server of this.#servers) server.end();
    for (let next = this.#queue.takeFirst(); next !== null; next = this.#queue.takeFirst()) {
      this.#refused(next, reject('worker.failed', 'the server stops'));
    }
  }

  // From the servers.

  serverChanged(): void {
    const reachable = this.#servers.filter(({ state }) => state === 'up').length;
    if (reachable !== this.#reachable) {
      this.#reachable = reachable;
      this.#onReachable(reachable);
    }
    this.#pump();
  }

  // From the requests.

  leavesQueue(request: UwsgiRequest): void {
    this.#queue.remove(request);
  }

  goesOn(request: UwsgiRequest): void {
    this.#queue.addFirst(request);
    this.#pump();
  }

  failed({ requestId, subject }: UwsgiRequest, { name }: UwsgiServer, reason: string): void {
    this.log.error(`Upstream ${name}, request ${requestId} (${subject}): ${reason}`);
  }

  sinkFailed(request: UwsgiRequest, error: unknown): void {
    this.log.error(`request ${request.requestId}: an answer could not be taken`, stackOf(error));
    request.abort();
  }

  #pump(): void {
    for (let { first } = this.#queue; first !== null; { first } = this.#queue) {
      const server = this.#choose(first.avoided);
      if (server === null) return;
      this.#queue.remove(first);
      try {
        first.goTo(server);
      } catch (error) {
        this.sinkFailed(first, error);
      }
    }
  }

  /** `avoided` only where there is nobody else. */
  #choose(avoided: UwsgiServer | null): UwsgiServer | null {
    const free = this.#servers.filter(({ mayTake }) => mayTake);
    const others = avoided === null ? free : free.filter((server) => server !== avoided);
    return leastBusy(others.length > 0 ? others : free);
  }

  #refused(request: UwsgiRequest, rejection: Rejection): UwsgiRequest {
    try {
      request.fail(rejection);
    } catch (error) {
      this.sinkFailed(request, error);
    }
    return request;
  }
}

function requestBounds({ helloMs, ...bounds }: UwsgiBounds): UwsgiRequestBounds {
  const { contentWindowBytes, responseWindowBytes, maxResponseHeadBytes } = bounds;
  const connectMs = helloMs === 0 ? longestConnectMs : Math.min(Math.ceil(helloMs / connectShare), longestConnectMs);
  return { contentWindowBytes, responseWindowBytes, maxResponseHeadBytes, connectMs };
}

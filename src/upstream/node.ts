import type { Socket } from 'node:net';
import { maxPieceBytes } from '../link/frame.ts';
import { type Rejection, reject } from '../rejection/rejection.ts';
import type { Log } from '../telemetry/error-log.ts';
import { AnswerPace } from './answer-pace.ts';
import { describeRequest, describeRequests } from './describe-request.ts';
import type { DispatchBounds, DispatchedRequest, Dispatcher, ResponseSink } from './dispatch.ts';
import { EnvironCopies } from './environ-copies.ts';
import { type Invitation, type InvitationOptions, type InvitationOwner, NodeInvitation } from './node-invitation.ts';
import { type LinkEnd, type LinkOwner, NodeLink } from './node-link.ts';
import { NodeRequest, type NodeRequestContext } from './node-request.ts';
import { RequestQueue } from './request-queue.ts';

export type NodeDispatcherOptions = InvitationOptions &
  DispatchBounds & {
    /** Requests that one worker may run at once. */
    readonly requestsPerWorker: number;
    /** More of them may wait at a worker that answers fast enough. */
    readonly mayWaitAtWorker?: boolean;
    readonly log: Log;
    /** A link is gone. `fault` is what the worker did wrong: it should be replaced; null: it went by itself. */
    readonly onWorkerGone?: (worker: number, fault: string | null) => void;
  };

/**
 * Runs requests in worker processes: the one with the fewest requests takes the next, and where all are full it waits in
 * a bounded queue. What a dead worker had not begun goes to another, at the head of the queue; what it had begun is never
 * sent again and fails with `worker.failed`.
 */
export class NodeDispatcher implements Dispatcher, LinkOwner, InvitationOwner {
  readonly #options: NodeDispatcherOptions;
  readonly #queue = new RequestQueue<NodeRequest>();
  readonly #copies = new EnvironCopies();
  readonly #links: NodeLink[] = [];
  readonly #invitations = new Map<NodeInvitation, NodeLink | null>();
  #bounds: DispatchBounds;
  #context: NodeRequestContext;
  /** Where the search for a worker begins: among equals they take turns. */
  #turn = 0;

  constructor(options: NodeDispatcherOptions) {
    this.#options = options;
    this.#bounds = options;
    this.#context = this.#contextOf(options);
  }

  /** Holds for the requests dispatched from now on; the others, also those that wait, keep the windows that they have. */
  adopt(bounds: DispatchBounds): void {
    this.#bounds = bounds;
    this.#context = this.#contextOf(bounds);
  }

  #contextOf(bounds: DispatchBounds): NodeRequestContext {
    const { contentWindowBytes, responseWindowBytes, maxEnvironBytes, maxResponseHeadBytes } = bounds;
    const maxPayloadBytes = Math.max(maxEnvironBytes, 4 + maxResponseHeadBytes + maxPieceBytes);
    const welcome = { contentWindowBytes, responseWindowBytes, maxPayloadBytes };
    return { welcome, copies: this.#copies, queue: this.#queue };
  }

  /** Prepares a link for one worker process. Rejects where the private directory cannot be used. */
  expectWorker(worker: number, pid: number): Promise<Invitation> {
    const invitation = new NodeInvitation(worker, pid, this.#bounds.helloMs, this.#options, this);
    this.#invitations.set(invitation, null);
    return invitation.listen().catch((error: unknown) => {
      this.#invitations.delete(invitation);
      throw error;
    });
  }

  dispatch(environ: Uint8Array, hasContent: boolean, sink: ResponseSink): DispatchedRequest {
    const request = new NodeRequest(this.#context, environ, hasContent, sink);
    const { maxEnvironBytes, queueMax } = this.#bounds;
    const link = this.#queue.length === 0 ? this.#leastBusy() : null;
    if (environ.length > maxEnvironBytes) {
      request.fail(reject('fields.too-large', `environ of ${environ.length} bytes, at most ${maxEnvironBytes}`));
    } else if (link !== null) {
      link.send(request);
    } else if (this.#queue.length < queueMax) {
      this.#queue.add(request);
    } else {
      request.fail(reject('overload.queue', `${this.#queue.length} requests wait for a worker already`));
    }
    return request;
  }

  get inFlight(): number {
    return this.#queue.length + this.#links.reduce((sum, link) => sum + link.inFlight, 0);
  }

  /** Requests that wait for a worker. */
  get waiting(): number {
    return this.#queue.length;
  }

  get hasWorkers(): boolean {
    return this.#links.some((link) => link.state === 'open');
  }

  /** Workers that take requests. */
  get workers(): number {
    return this.#links.filter((link) => link.state === 'open').length;
  }

  /** Ends all links at once; what runs or waits fails. */
  close(): void {
    for (const [invitation, link] of [...this.#invitations]) {
      this.#invitations.delete(invitation);
      if (link === null) invitation.cancel();
      else link.destroy();
    }
    for (const link of [...this.#links]) link.destroy();
    for (let next = this.#queue.takeFirst(); next !== null; next = this.#queue.takeFirst()) {
      this.#fail(next, reject('worker.failed', 'the server stops'));
    }
  }

  invitationAccepted(invitation: NodeInvitation, socket: Socket): void {
    this.#invitations.set(invitation, this.#linkFor(invitation, socket));
  }

  #linkFor({ expected }: NodeInvitation, socket: Socket): NodeLink {
    const pace = this.#options.mayWaitAtWorker === true ? new AnswerPace(this.#options.requestsPerWorker) : null;
    return new NodeLink(socket, expected, this.#context.welcome, pace, this);
  }

  invitationExpired(invitation: NodeInvitation): void {
    const { helloMs, expected } = invitation;
    const { worker, pid } = expected;
    const link = this.#invitations.get(invitation);
    if (link !== null) return link?.fail(`no hello within ${helloMs} ms`);
    this.#invitations.delete(invitation);
    invitation.cancel();
    this.#options.log.warning(`worker ${worker} (pid ${pid}) did not connect within ${helloMs} ms`);
  }

  /** This worker is about to be killed for its silence: what it had begun is its fault, not an accident. */
  workerSilent(worker: number): void {
    for (const link of this.#links) {
      if (link.expected.worker !== worker) continue;
      link.isSilent = true;
      const { pid } = link.expected;
      this.#options.log.error(
        `worker ${worker} (pid ${pid}) is silent; its requests: ${describeRequests(link.requests)}`,
      );
    }
  }

  /** The master lets this worker go: what comes from now on is for the others, or waits for them. */
  workerLeaves(worker: number): void {
    for (const link of this.#links) if (link.expected.worker === worker) link.leave();
  }

  linkGreeted(link: NodeLink): void {
    this.#finishInvitation(link);
    this.#links.push(link);
    this.linkHasRoom();
  }

  linkHasRoom(): void {
    while (this.#queue.length > 0) {
      const link = this.#leastBusy();
      const request = link === null ? null : this.#queue.takeFirst();
      if (link === null || request === null) return;
      try {
        link.send(request);
      } catch (error) {
        this.sinkFailed(request, error);
      }
    }
  }

  linkClosed(link: NodeLink, { fault, begun, notBegun }: LinkEnd): void {
    this.#finishInvitation(link);
    const index = this.#links.indexOf(link);
    if (index >= 0) this.#links.splice(index, 1);
    this.#report(link, fault, begun.length, notBegun.length);
    for (const request of notBegun.toReversed()) {
      request.takeBack();
      this.#queue.addFirst(request);
    }
    for (const request of begun) this.#fail(request, failureOf(link, request, fault));
    this.linkHasRoom();
    this.#options.onWorkerGone?.(link.expected.worker, fault);
  }

  sinkFailed(request: NodeRequest, error: unknown): void {
    const stack = error instanceof Error ? error.stack : String(error);
    this.#options.log.error(`request ${request.requestId}: an answer could not be taken`, stack);
    request.abort();
  }

  #leastBusy(): NodeLink | null {
    let chosen: NodeLink | null = null;
    const { length } = this.#links;
    const nowMs = this.#options.mayWaitAtWorker === true ? performance.now() : 0;
    for (let step = 0; step < length; step++) {
      const link = this.#links[(this.#turn + step) % length];
      if (link !== undefined && this.#hasRoom(link, nowMs) && (chosen === null || link.inFlight < chosen.inFlight))
        chosen = link;
    }
    this.#turn = (this.#turn + 1) % Math.max(length, 1);
    return chosen;
  }

  #hasRoom(link: NodeLink, nowMs: number): boolean {
    if (link.state !== 'open') return false;
    const surplus = link.inFlight - this.#options.requestsPerWorker;
    return surplus < 0 || (link.pace?.mayWait(nowMs, surplus) ?? false);
  }

  #finishInvitation(link: NodeLink): void {
    for (const [invitation, taken] of this.#invitations) {
      if (taken !== link) continue;
      invitation.finish();
      this.#invitations.delete(invitation);
    }
  }

  #fail(request: NodeRequest, rejection: Rejection): void {
    try {
      request.fail(rejection);
    } catch (error) {
      this.sinkFailed(request, error);
    }
  }

  #report({ expected: { worker, pid } }: NodeLink, fault: string | null, failed: number, moved: number): void {
    const text = `worker ${worker} (pid ${pid})`;
    if (fault !== null) {
      this.#options.log.error(`${text} broke its link: ${fault}; ${failed} of its requests failed`);
    } else if (failed > 0 || moved > 0) {
      this.#options.log.warning(`${text} is gone: ${failed} of its requests failed, ${moved} go to another worker`);
    }
  }
}

function failureOf(link: NodeLink, request: NodeRequest, fault: string | null): Rejection {
  if (fault === null && link.isSilent) {
    return reject('timeout.worker', `its worker was silent and has been ended; ${describeRequest(request)}`);
  }
  return reject('worker.failed', fault ?? 'the worker ended while it ran the request');
}

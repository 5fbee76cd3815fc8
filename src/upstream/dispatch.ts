import type { Rejection } from '../rejection/rejection.ts';

/**
 * The seam between a connection and whatever runs the application: `node` (worker processes), `uwsgi` (uWSGI
 * servers) and `inline` (in the edge) implement it. A dispatcher never sees a socket, a connection never sees a worker.
 *
 * The encoded response head is NUL-separated latin1: the status as PEP 3333 has it (`200 OK`), then name and value of
 * each field, each followed by NUL. It is unchecked: the connection checks it before a byte goes out.
 */
export interface Dispatcher {
  /**
   * Hands over one request. `environ` is the encoded environ (NUL-separated latin1 keys and values, each followed by
   * NUL) and is read before this returns; the caller may reuse it. May call `sink` before it returns.
   */
  dispatch(environ: Uint8Array, hasContent: boolean, sink: ResponseSink): DispatchedRequest;
  /** Requests waiting or running. */
  readonly inFlight: number;
  /** Somebody takes requests: one that waits does so because of others. */
  readonly hasWorkers: boolean;
  /** The application is told how long the content is before any of it comes: chunked content has to be complete first. */
  readonly needsContentLength?: boolean;
}

/** What the policy says of requests on their way to the application. A reload replaces all of it at once. */
export type DispatchBounds = {
  /** Content of one request that may wait for the application. */
  readonly contentWindowBytes: number;
  /** Content of one response that may wait for the client. */
  readonly responseWindowBytes: number;
  readonly maxResponseHeadBytes: number;
  /** The longest environ that the limits on a request head allow. */
  readonly maxEnvironBytes: number;
  /** Requests that may wait for a worker. */
  readonly queueMax: number;
  /** From the invitation of a worker to its hello. */
  readonly helloMs: number;
};

/** How far a request is. `sent`: a worker has it and has not begun it; of one that runs or ran, nobody can say more than `begun`. */
export type RequestPhase = 'queued' | 'sent' | 'begun' | 'responding' | 'over';

/** What the connection can say to a request that it has handed over. After `abort` or the end of the response: nothing. */
export interface DispatchedRequest {
  /** Content, transfer coding removed; read before this returns. At most as many bytes as were granted. */
  sendContent(bytes: Uint8Array): void;
  /** Not for a request that was dispatched without content. */
  endContent(): void;
  /** The client is gone or was refused: the sink hears nothing more, the application's request is cancelled. */
  abort(): void;
  /** `bytes` of response content have left for the client: as many more may come. */
  acknowledge(bytes: number): void;
  /** Seldom asked: it may cost a look at what the worker has published. */
  readonly phase: RequestPhase;
  /** `GET /path`, for log lines. */
  readonly subject: string;
}

/** What a dispatcher tells the connection. Byte arrays are valid only during the call. */
export interface ResponseSink {
  /** Request id for log lines. */
  readonly requestId: string;
  /** Since it was dispatched, for log lines. */
  readonly ageMs: number;
  /**
   * The encoded head is `bytes[headStart, headEnd)`, the first piece of content follows up to `contentEnd`: offsets, since
   * views of every response would cost as much as checking it.
   */
  respond(bytes: Uint8Array, headStart: number, headEnd: number, contentEnd: number, end: boolean): void;
  respondContent(content: Uint8Array, end: boolean): void;
  /** The application took content: `bytes` more may be sent. The first grant is `contentWindowBytes` of the policy. */
  grantContent(bytes: number): void;
  /** The request left the queue and went to this worker: the queue deadline ends, the worker deadline begins. */
  dispatched(workerPid: number): void;
  /** Its worker is gone and had not begun it: it waits in the queue again, until `dispatched` is called once more. */
  takenBack(): void;
  /** No response will come, or no more of it. The last call on this sink. */
  fail(rejection: Rejection): void;
}

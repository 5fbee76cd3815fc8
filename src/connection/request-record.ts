import type { RequestHead } from '../http1/request-head.ts';
import type { ResponseHead } from '../http1/response-head.ts';
import type { Rejection } from '../rejection/rejection.ts';
import type { RuleId } from '../rejection/rules.ts';
import type { Client } from './client.ts';

/** What the line of the access log wants to know of one request beside its record. */
export interface RequestNotes {
  /** As the application gets it, valid during the call. */
  environ(encoded: Uint8Array): void;
  /** Of the application, checked; valid during the call. */
  responseHead(head: ResponseHead): void;
}

export interface AccessLogger {
  /** Takes from the head what will be told of it, since it is valid during the call alone. */
  begin(head: RequestHead, client: Client): RequestNotes;
  /** What came is no request head; `received` is what there was of it, valid during the call. */
  beginWithoutHead(received: Uint8Array | undefined, client: Client): RequestNotes;
  end(record: RequestRecord): void;
}

/** Counts what happens; requests when they are over. */
export interface RequestMeter {
  /** A connection, which is let in. */
  accepted(): void;
  end(record: RequestRecord): void;
  /** A request, or a connection that is closed. */
  refused(rule: RuleId): void;
  /** A request that passes because its rule is only observed. */
  observed(rule: RuleId): void;
}

/**
 * One request from its first byte to the last one of its response, for the access log and the metrics. Where nobody asked for
 * either, there is none. Times are those of `performance.now()`; 0: it did not come to that.
 */
export class RequestRecord {
  readonly notes: RequestNotes | null;
  /** The first byte came. */
  readonly startedAt: number;
  /** Nothing has to be waited for any more but a worker. */
  releasedAt = 0;
  /** A worker has it. */
  dispatchedAt = 0;
  /** The head of its response came from the application. */
  answeredAt = 0;
  /** The last piece of the response came. */
  completeAt = 0;
  /** The last byte has left for the client, or never will. */
  endedAt = 0;
  /** 0: no status line was sent. */
  status = 0;
  /** Of the request, transfer coding removed. */
  receivedBytes = 0;
  /** Of the response, without its head. */
  sentBytes = 0;
  /** 0: no worker had it. */
  workerPid = 0;
  /** Behind the prefix of this edge, as the application has it; 0: there was no head. */
  requestNumber = 0;
  /** Of the policy; null: none, or the request did not come so far. */
  route: string | null = null;
  readonly policy: string;
  /** What the client was refused for, or the response cut. */
  rejection: Rejection | null = null;
  /** The client did not get the whole response. */
  isCut = false;

  constructor(startedAt: number, policy: string, notes: RequestNotes | null) {
    this.startedAt = startedAt;
    this.policy = policy;
    this.notes = notes;
  }

  released(environ: Uint8Array): void {
    this.releasedAt = performance.now();
    this.notes?.environ(environ);
  }

  dispatched(workerPid: number): void {
    this.dispatchedAt = performance.now();
    this.workerPid = workerPid;
  }

  answered(head: ResponseHead): void {
    this.answeredAt = performance.now();
    this.status = head.status;
    this.notes?.responseHead(head);
  }

  /** `answer` is the whole response. */
  answeredByEdge(status: number, answer: Buffer): void {
    this.status = status;
    this.sentBytes = answer.length - (answer.indexOf('\r\n\r\n') + 4);
  }

  refused(rejection: Rejection): void {
    this.rejection ??= rejection;
  }
}

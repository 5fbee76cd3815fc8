import type { Rejection } from '../rejection/rejection.ts';
import type { DispatchedRequest } from '../upstream/dispatch.ts';

/** Content of one request on its way from the client to the application. */
export interface ContentPath {
  /** `bytes` are read before this returns. */
  receive(bytes: Uint8Array): void;
  /** The client has sent all of it. */
  end(): void;
  /** The request is handed over, and takes `windowBytes` before it grants more. */
  flowTo(request: DispatchedRequest, windowBytes: number): void;
  /** The application took content: so many bytes more may follow. */
  grant(bytes: number): void;
  /** Nobody wants it any more. The last call. */
  abort(): void;
  /** Nothing moves before the client sends some. */
  readonly waitsForClient: boolean;
  /** Bytes in memory, those on their way to the application among them. */
  readonly heldBytes: number;
}

/** What the content of a request asks of it. */
export interface ContentOwner {
  /** No more has to come for now. May be said again. */
  pauseContent(): void;
  /** More may come. May be said again. */
  resumeContent(): void;
  /** All of it is here: `length` bytes. The request may be dispatched. */
  contentIsComplete(length: number): void;
  /** `heldBytes` is another one. */
  heldBytesChanged(): void;
  refuse(rejection: Rejection): void;
  fault(error: unknown): void;
}

import { reasonOf } from '../telemetry/failure-reason.ts';
import type { UwsgiPlace } from '../worker/uwsgi-target.ts';
import { UwsgiResponseHead } from './uwsgi-response.ts';
import { connectTo, type UwsgiSocket } from './uwsgi-socket.ts';

/**
 * Why a connection brought no answer, or not all of it. `unreachable`, `full`, `unheard`: it was never made, so nothing was
 * sent; `full` is EAGAIN of a Unix socket, and `unheard` the same over TCP, where the kernel of the server drops what does not
 * fit into its listen queue, or a machine that is gone. `lost`: it ended before a byte came. `broken`: what came is no answer,
 * or only a part of one.
 */
export type Failure = 'unreachable' | 'full' | 'unheard' | 'lost' | 'broken';

/** Byte arrays are valid only during the call. */
export interface ConnectionOwner {
  connected(): void;
  /** The encoded head is `bytes[0, headEnd)`, the first piece of content follows. */
  answered(bytes: Buffer, headEnd: number, end: boolean): void;
  content(bytes: Buffer, end: boolean): void;
  /** So many bytes that were written have left this process, or nobody reads them. */
  written(bytes: number): void;
  /** The last call but `released`. */
  failed(failure: Failure, reason: string): void;
  /** The server is free for another request. The last call, and the only one after `destroy`. */
  released(): void;
}

export type ConnectionLimits = {
  readonly connectMs: number;
  readonly maxHeadBytes: number;
  /** Content of the response that may wait for the client, one read of the socket more at most. */
  readonly windowBytes: number;
  /** The answer has no content, whatever its Content-Length. */
  readonly isHead: boolean;
};

/** `draining`: all that the client gets has come; what the application has to say beyond it is read and dropped. */
type State = 'connecting' | 'waiting' | 'answering' | 'draining' | 'closed';

/**
 * It is for the server to close first: the port of whoever does stays taken for a minute (TIME_WAIT), and 28,000 of ours would
 * be taken by 500 requests a second. Meanwhile content that no client gets is read, for an application that would fail for
 * writing it.
 */
const drainMs = 1_000;
const drainedBytes = 1024 * 1024;

const nothing = Buffer.alloc(0);

/** One connection to a uWSGI server, which is one request: it closes behind each. */
export class UwsgiConnection {
  readonly #socket: UwsgiSocket;
  readonly #owner: ConnectionOwner;
  readonly #limits: ConnectionLimits;
  readonly #head: UwsgiResponseHead;
  #state: State = 'connecting';
  #timer: NodeJS.Timeout | undefined;
  /** Of the declared content; where none was declared it ends with the connection. */
  #remaining = Number.POSITIVE_INFINITY;
  #unacknowledged = 0;
  #drained = 0;
  #isReleased = false;

  constructor(place: UwsgiPlace, limits: ConnectionLimits, owner: ConnectionOwner) {
    this.#owner = owner;
    this.#limits = limits;
    this.#head = new UwsgiResponseHead(limits.maxHeadBytes);
    this.#socket = connectTo(place);
    this.#timer = setTimeout(
      () => this.#fail('unheard', `no connection within ${limits.connectMs} ms`),
      limits.connectMs,
    );
    this.#socket.on('connect', () => this.#connected());
    this.#socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    this.#socket.on('end', () => this.#receiveEnd());
    this.#socket.on('error', (error) => this.#broke(error));
    this.#socket.on('close', () => this.#close());
  }

  /** After `connected`. `bytes` belong to the connection from now on; `counted` of them are told when they have left. */
  write(bytes: Buffer, counted: number): void {
    this.#socket.write(bytes, () => {
      if (this.#state !== 'closed' && counted > 0) this.#owner.written(counted);
    });
  }

  /** So many bytes of the content have left for the client. */
  acknowledge(bytes: number): void {
    this.#unacknowledged -= bytes;
    if (this.#unacknowledged * 2 <= this.#limits.windowBytes) this.#socket.resume();
  }

  /** Nobody wants to hear more of it. */
  destroy(): void {
    this.#close();
  }

  #connected(): void {
    clearTimeout(this.#timer);
    if (this.#state !== 'connecting') return;
    this.#state = 'waiting';
    this.#owner.connected();
  }

  #receive(bytes: Buffer): void {
    switch (this.#state) {
      case 'waiting':
        return this.#receiveHead(bytes);
      case 'answering':
        return this.#receiveContent(bytes);
      case 'draining':
        this.#drained += bytes.length;
        if (this.#drained > drainedBytes) this.#close();
    }
  }

  #receiveHead(bytes: Buffer): void {
    const contentStart = this.#head.receive(bytes);
    if (contentStart === -1) return;
    if (typeof contentStart === 'string') return this.#fail('broken', contentStart);
    const { encoded, status, contentLength } = this.#head;
    if (this.#limits.isHead || status === 204 || status === 304) {
      this.#drain();
      this.#owner.answered(encoded, encoded.length, true);
      return this.#release();
    }
    if (contentLength >= 0) this.#remaining = contentLength;
    const content = bytes.subarray(contentStart);
    this.#state = 'answering';
    const end = this.#take(content.length);
    this.#owner.answered(Buffer.concat([encoded, content]), encoded.length, end);
    if (end) this.#release();
  }

  #receiveContent(bytes: Buffer): void {
    const end = this.#take(bytes.length);
    this.#owner.content(bytes, end);
    if (end) this.#release();
  }

  /** More than was declared is passed on, once: the connection to the client cuts it, and says so. */
  #take(bytes: number): boolean {
    this.#remaining -= bytes;
    this.#unacknowledged += bytes;
    if (this.#remaining <= 0) this.#drain();
    else if (this.#unacknowledged >= this.#limits.windowBytes) this.#socket.pause();
    return this.#remaining <= 0;
  }

  #drain(): void {
    this.#state = 'draining';
    this.#timer = setTimeout(() => this.#close(), drainMs).unref();
  }

  /** Less than was declared is an end all the same: the connection to the client knows what was promised, and cuts. */
  #receiveEnd(): void {
    switch (this.#state) {
      case 'waiting':
        if (this.#head.hasBegun) return this.#fail('broken', 'an end within its head');
        return this.#fail('lost', 'the connection ended without an answer');
      case 'answering':
        this.#state = 'draining';
        this.#owner.content(nothing, true);
        return this.#close();
      case 'draining':
        return this.#close();
    }
  }

  #broke(error: Error): void {
    const reason = reasonOf(error);
    switch (this.#state) {
      case 'connecting':
        return this.#fail(reason === 'EAGAIN' ? 'full' : 'unreachable', reason);
      case 'waiting':
        return this.#fail(this.#head.hasBegun ? 'broken' : 'lost', reason);
      case 'answering':
        return this.#fail('broken', `${reason} within its content`);
      default:
        return this.#close();
    }
  }

  #fail(failure: Failure, reason: string): void {
    if (this.#state === 'closed') return;
    // Its sink may end the connection in return.
    this.#state = 'draining';
    this.#owner.failed(failure, reason);
    this.#close();
  }

  #close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearTimeout(this.#timer);
    this.#socket.destroy();
    this.#release();
  }

  #release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#owner.released();
  }
}

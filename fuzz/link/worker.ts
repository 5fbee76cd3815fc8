import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { endFlag, frameType } from '../../src/link/frame.ts';
import { helloBytes, tokenBytes, writeHello } from '../../src/link/greeting.ts';
import type { NodeDispatcher } from '../../src/upstream/node.ts';
import type { NodeInvitation } from '../../src/upstream/node-invitation.ts';
import { Violation } from '../violation.ts';
import { frameBytes, readFrames, u32 } from './frames.ts';

const pid = 7;
const token = Buffer.alloc(tokenBytes, 't');
const hello = Buffer.alloc(helloBytes);
writeHello(hello, 0, pid, token);
export const HELLO = frameBytes(frameType.hello, 0, 0, hello);
/** `200 OK` and nothing more. */
const RESPONSE = Buffer.concat([u32(7), Buffer.from('200 OK\0')]);
/** Of what the edge writes, an environ and all content of a request. */
export const mostPayloadBytes = 1 << 16;

/** The edge's end of a worker's socket. What was written is read when it leaves: until then the edge may not touch it. */
export class WorkerSocket extends EventEmitter {
  destroyed = false;
  /** The edge has finished its side, and takes what still comes. */
  isFinished = false;
  readonly left: Buffer[] = [];
  readonly #isSlow: boolean;
  #waiting: { readonly bytes: Uint8Array; readonly written: () => void }[] = [];

  constructor(isSlow: boolean) {
    super();
    this.#isSlow = isSlow;
  }

  get writableLength(): number {
    return this.#waiting.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  write(bytes: Uint8Array, written: () => void): void {
    if (this.destroyed) throw new Violation('nothing-after-the-end', 'a write to a destroyed socket');
    this.#waiting.push({ bytes, written });
    if (!this.#isSlow) this.leave();
  }

  leave(): void {
    const leaving = this.#waiting;
    this.#waiting = [];
    for (const { bytes } of leaving) this.left.push(Buffer.from(bytes));
    for (const { written } of leaving) written();
  }

  destroy(): void {
    this.leave();
    this.destroyed = true;
  }

  destroySoon(): void {
    this.isFinished = true;
  }
}

/** A link's worker as the dispatcher knows it, with the file that says what it began. */
export class LinkedWorker {
  readonly socket: WorkerSocket;
  closedFiles = 0;
  readonly #turns: Turns;

  constructor(
    dispatcher: NodeDispatcher,
    turns: Turns,
    worker: number,
    firstId: number,
    startedId: number,
    isSlow: boolean,
  ) {
    this.#turns = turns;
    this.socket = new WorkerSocket(isSlow);
    const started = {
      read: () => startedId,
      close: () => {
        this.closedFiles += 1;
      },
    };
    // Both have private parts, which nothing here uses.
    const invitation = { expected: { worker, pid, token, started, firstId }, finish() {}, cancel() {} };
    dispatcher.invitationAccepted(invitation as unknown as NodeInvitation, this.socket as unknown as Socket);
    this.#turns.run();
  }

  /** One read, which is overwritten behind the edge's back as soon as it returns, and one turn of the event loop. */
  receive(piece: Uint8Array): void {
    if (this.socket.destroyed) return;
    const lent = Buffer.from(piece);
    this.socket.emit('data', lent);
    lent.fill('?');
    this.#turns.run();
    this.socket.leave();
    this.#turns.run();
  }

  end(): void {
    this.socket.destroy();
    this.socket.emit('close');
    this.#turns.run();
  }
}

/** `setImmediate` while the edge is driven: a fuzz target has no event loop. */
export class Turns {
  #next: (() => void)[] = [];

  /** Puts itself in place during the call. */
  during<T>(run: () => T): T {
    const { setImmediate } = globalThis;
    globalThis.setImmediate = ((callback: () => void) => this.#next.push(callback)) as unknown as typeof setImmediate;
    try {
      return run();
    } finally {
      globalThis.setImmediate = setImmediate;
    }
  }

  run(): void {
    while (this.#next.length > 0) {
      const due = this.#next;
      this.#next = [];
      for (const callback of due) callback();
    }
  }
}

/** A good worker answers everything that comes to it. Which requests those were, in order. */
export function answerAll(worker: LinkedWorker): readonly string[] {
  const answered: string[] = [];
  for (let seen = 0; ; ) {
    const { frames } = readFrames([Buffer.concat(worker.socket.left.slice(seen))], mostPayloadBytes);
    const requests = frames.filter(({ type }) => type === frameType.request);
    if (requests.length === 0) return answered;
    seen = worker.socket.left.length;
    answered.push(...requests.map(({ payload }) => payload.split('\0')[1] ?? ''));
    worker.receive(Buffer.concat(requests.map(({ id }) => frameBytes(frameType.response, endFlag, id, RESPONSE))));
  }
}

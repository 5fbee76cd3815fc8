import { reject } from '../rejection/rejection.ts';
import type { DispatchedRequest } from '../upstream/dispatch.ts';
import type { ContentOwner, ContentPath } from './content-path.ts';
import { HeldBlocks } from './held-blocks.ts';
import type { Spool } from './spool.ts';
import type { SpoolFile } from './spool-file.ts';

const READ_BYTES = 65536;

/**
 * Content that is collected before the application gets the request (`delivery: complete`): the time that a client takes is
 * nobody's but its own. Small content waits in memory, larger content in a file.
 */
export class CompleteContent implements ContentPath {
  private readonly owner: ContentOwner;
  private readonly spool: Spool;
  /** With one byte more all of it goes to a file. */
  private readonly memoryBytes: number;
  /** Of all files together. */
  private readonly maxSpoolBytes: number;
  /** Without a file all of it, with one what has yet to be written. */
  private readonly memory = new HeldBlocks();
  private file: SpoolFile | undefined;
  private spooledBytes = 0;
  private length = 0;
  private hasEnded = false;
  private isComplete = false;
  private writingBytes = 0;
  private isReading = false;
  private isPumping = false;
  private isOver = false;
  private request: DispatchedRequest | undefined;
  private windowBytes = 0;
  private credit = 0;
  private sent = 0;

  constructor(owner: ContentOwner, spool: Spool, memoryBytes: number, maxSpoolBytes: number) {
    this.owner = owner;
    this.spool = spool;
    this.memoryBytes = memoryBytes;
    this.maxSpoolBytes = maxSpoolBytes;
  }

  receive(bytes: Uint8Array): void {
    if (this.isOver) return;
    this.length += bytes.length;
    this.memory.append(bytes);
    if (this.length > this.memoryBytes) this.write();
    if (!this.isOver && this.isBehind) this.owner.pauseContent();
  }

  end(): void {
    this.hasEnded = true;
    if (this.writingBytes === 0) this.complete();
  }

  flowTo(request: DispatchedRequest, windowBytes: number): void {
    this.request = request;
    this.windowBytes = windowBytes;
    this.credit = windowBytes;
    this.pump();
  }

  grant(bytes: number): void {
    this.credit += bytes;
    this.pump();
  }

  abort(): void {
    // What is on its way to the application is waited for by nobody.
    this.credit = this.windowBytes;
    if (this.isOver) return;
    this.isOver = true;
    this.writingBytes = 0;
    this.release();
  }

  get waitsForClient(): boolean {
    return !this.hasEnded && !this.isBehind;
  }

  get heldBytes(): number {
    return this.memory.allocatedBytes + this.writingBytes + this.windowBytes - this.credit;
  }

  /** The disk is slower than the client. */
  private get isBehind(): boolean {
    return this.writingBytes > 0 && this.memory.length > this.memoryBytes;
  }

  private write(): void {
    if (this.writingBytes > 0) return;
    const { spool, memory, maxSpoolBytes } = this;
    const { length } = memory;
    if (!spool.take(length, maxSpoolBytes)) {
      const detail = `${spool.usedBytes} of ${maxSpoolBytes} bytes are used, and ${length} more are needed`;
      return this.owner.refuse(reject('spool.full', detail));
    }
    this.spooledBytes += length;
    this.writingBytes = length;
    this.file ??= spool.open();
    this.file.append(memory.takeAll(), (failure) => this.guard(() => this.written(failure)));
  }

  private written(failure: NodeJS.ErrnoException | null): void {
    this.writingBytes = 0;
    this.owner.heldBytesChanged();
    if (failure !== null) return this.owner.refuse(reject('spool.full', `${failure.code ?? 'a fault'} while writing`));
    if (this.memory.length > 0) this.write();
    else if (this.hasEnded) return this.complete();
    if (!this.isOver && !this.isBehind) this.owner.resumeContent();
  }

  private complete(): void {
    this.isComplete = true;
    this.owner.contentIsComplete(this.length);
  }

  /** Hands over what the credit allows. More may be granted meanwhile: an application in the edge reads at once. */
  private pump(): void {
    if (this.isPumping || this.isReading || this.isOver || !this.isComplete) return;
    this.isPumping = true;
    while (this.sent < this.length && this.credit > 0 && !this.isReading && !this.isOver) {
      if (this.file === undefined) this.hand(this.memory.take(this.credit));
      else this.read(this.file);
    }
    this.isPumping = false;
    if (this.isOver || this.isReading || this.sent < this.length) return;
    this.isOver = true;
    this.release();
    this.request?.endContent();
  }

  private hand(piece: Uint8Array): void {
    this.credit -= piece.length;
    this.sent += piece.length;
    this.request?.sendContent(piece);
  }

  private read(file: SpoolFile): void {
    this.isReading = true;
    file.read(this.sent, Math.min(this.credit, READ_BYTES), (failure, bytes) =>
      this.guard(() => {
        this.isReading = false;
        if (failure !== null || bytes.length === 0) {
          return this.owner.refuse(reject('spool.full', `${failure?.code ?? 'an early end'} while reading`));
        }
        this.hand(bytes);
        this.pump();
        this.owner.heldBytesChanged();
      }),
    );
  }

  private guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.owner.fault(error);
    }
  }

  private release(): void {
    this.memory.takeAll();
    this.file?.close();
    this.spool.giveBack(this.spooledBytes);
    this.spooledBytes = 0;
  }
}

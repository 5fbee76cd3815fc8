import { open } from 'node:fs/promises';
import { type Endpoints, findSendQueues } from './socket-table.ts';

/** Who wants to know how much of what was written to a socket its peer has not taken. */
export interface QueueAsker {
  /** Null: nobody can say. */
  queueMeasured(queuedBytes: number | null): void;
}

/** Blocks of whole lines of all tables, one after the other. A block is valid until the next one is asked for. */
export type ReadTables = () => AsyncIterable<Buffer>;

/** Of the network namespace that this process is in. */
const paths = ['/proc/self/net/tcp', '/proc/self/net/tcp6'];
const NEWLINE = 0x0a;
/** The kernel gives a page at a time, whatever room there is. */
const BLOCK_BYTES = 16384;
/**
 * Tables are as long as the machine has sockets, and slow readers that ask one after the other would have them read all the
 * time. A page takes about 160 µs, so this is less than a tenth of one processor.
 */
const MAX_BYTES_PER_SECOND = 2 * 1024 * 1024;

/**
 * What the kernel still holds of the responses of an edge: the one thing that moves while a client takes what has left this
 * process. Node has no call for it (SIOCOUTQ), but Linux lists it for all sockets. All who ask in one turn are answered by
 * one read, and those who ask while it goes on by the next.
 */
export class SendQueues {
  private readonly readTables: ReadTables;
  private asked = new Map<Endpoints, QueueAsker>();
  /** Whom the read that goes on is for. */
  private sought = new Map<Endpoints, QueueAsker>();
  /** From the first question until the rest behind a read for which nobody asks any more. */
  private isBusy = false;

  constructor(readTables: ReadTables = readSocketTables) {
    this.readTables = readTables;
  }

  /** The answer comes later, never within this call. */
  ask(endpoints: Endpoints, asker: QueueAsker): void {
    this.asked.set(endpoints, asker);
    if (this.isBusy) return;
    this.isBusy = true;
    setImmediate(() => this.read());
  }

  /** Whoever asked about this socket wants to know no more. */
  forget(endpoints: Endpoints): void {
    this.asked.delete(endpoints);
    this.sought.delete(endpoints);
  }

  private async read(): Promise<void> {
    this.sought = this.asked;
    this.asked = new Map();
    const queues = new Map<Endpoints, number>();
    let bytesRead = 0;
    try {
      for await (const lines of this.readTables()) {
        bytesRead += lines.length;
        findSendQueues(lines, this.sought, (endpoints, queuedBytes) => queues.set(endpoints, queuedBytes));
        if (queues.size >= this.sought.size) break;
      }
    } catch {
      // Another system than Linux, or one without /proc: then nobody can say.
    }
    // Not within this promise: a fault in a connection may have to end the process, and no handler of rejections stops that.
    setImmediate(() => {
      // Before the next read, which seeks others.
      setTimeout(() => this.rested(), (bytesRead * 1000) / MAX_BYTES_PER_SECOND).unref();
      this.answer(queues);
    });
  }

  private answer(queues: ReadonlyMap<Endpoints, number>): void {
    const { sought } = this;
    for (const [endpoints, asker] of sought) {
      sought.delete(endpoints);
      asker.queueMeasured(queues.get(endpoints) ?? null);
    }
  }

  private rested(): void {
    if (this.asked.size > 0) this.read();
    else this.isBusy = false;
  }
}

async function* readSocketTables(): AsyncGenerator<Buffer> {
  const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  for (const path of paths) yield* wholeLines(path, block);
}

async function* wholeLines(path: string, block: Buffer): AsyncGenerator<Buffer> {
  const file = await open(path);
  try {
    let kept = 0;
    for (;;) {
      const { bytesRead } = await file.read(block, kept, block.length - kept);
      if (bytesRead === 0) return;
      const filled = kept + bytesRead;
      const end = block.lastIndexOf(NEWLINE, filled - 1) + 1;
      yield block.subarray(0, end);
      block.copyWithin(0, end, filled);
      kept = filled - end;
    }
  } finally {
    await file.close();
  }
}

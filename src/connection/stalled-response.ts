import type { QueueAsker, SendQueues } from './send-queues.ts';
import type { Endpoints } from './socket-table.ts';

/** What became of a wait in which no byte left this process. */
export interface StalledResponseOwner {
  /** What the kernel holds is known from now on; what the client took before that is not. */
  onFirstMeasured(): void;
  /** The kernel holds less than before, so the client takes what is sent: the wait begins anew. */
  onTaken(bytes: number): void;
  /** It took none for as long as it may. */
  onStalled(): void;
}

/**
 * A response of which nothing leaves this process, while its client may be reading all the same: Linux takes more only once
 * a third of its buffer is free, and at 4 MiB that lasts a slow reader minutes. So what the kernel holds is measured after
 * each half of the time that a client may take nothing. Once it is less than before, the client has taken some; if two
 * halves have passed and it is not, it has not. Where nobody can say, the time runs out as if it were not.
 */
export class StalledResponse implements QueueAsker {
  private readonly queues: SendQueues;
  private readonly endpoints: Endpoints | undefined;
  private readonly owner: StalledResponseOwner;
  /** What the kernel held when some was taken last; undefined before it is measured. */
  private queuedBytes: number | undefined;
  private halves = 0;
  private isAsking = false;

  /** Without `endpoints`, as for a Unix socket, nothing can be measured. */
  constructor(queues: SendQueues, endpoints: Endpoints | undefined, owner: StalledResponseOwner) {
    this.queues = queues;
    this.endpoints = endpoints;
    this.owner = owner;
  }

  /** Somebody else is waited for, or the wait begins anew because bytes have left. */
  end(): void {
    if (this.isAsking && this.endpoints !== undefined) this.queues.forget(this.endpoints);
    this.isAsking = false;
    this.queuedBytes = undefined;
    this.halves = 0;
  }

  /** False: it is over. Else the answer may say so, or the next half; that one also bounds the time of the last answer. */
  halfPassed(): boolean {
    this.halves += 1;
    if (this.isAsking || (this.halves > 1 && this.queuedBytes === undefined)) return false;
    if (this.endpoints === undefined) return true;
    this.isAsking = true;
    this.queues.ask(this.endpoints, this);
    return true;
  }

  queueMeasured(queuedBytes: number | null): void {
    this.isAsking = false;
    const before = this.queuedBytes;
    if (queuedBytes !== null && before === undefined) {
      this.queuedBytes = queuedBytes;
      this.owner.onFirstMeasured();
    } else if (queuedBytes !== null && before !== undefined && queuedBytes < before) {
      this.queuedBytes = queuedBytes;
      this.halves = 0;
      this.owner.onTaken(before - queuedBytes);
    } else if (this.halves > 1) {
      this.owner.onStalled();
    }
  }
}

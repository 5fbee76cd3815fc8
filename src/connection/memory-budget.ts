import { type Rejection, reject } from '../rejection/rejection.ts';

/** Something that keeps bytes of a client waiting, and can let go of them. */
export interface MemoryHolder {
  shed(rejection: Rejection): void;
}

/** So that a full budget does not shed one connection a turn. */
const SHED_TO = 7 / 8;

/**
 * What all connections of an edge keep waiting, against what they may. Where that is passed, those go that hold most: slow
 * readers of large responses and senders of large requests, while whoever keeps pace holds next to nothing.
 */
export class MemoryBudget {
  usedBytes = 0;
  private readonly shares = new Set<MemoryShare>();
  private isShedding = false;

  /** A share has `after` bytes where it had `before`. `budgetBytes` is what counts now. */
  change(share: MemoryShare, before: number, after: number, budgetBytes: number): void {
    this.usedBytes += after - before;
    if (after === 0) this.shares.delete(share);
    else if (before === 0) this.shares.add(share);
    if (this.usedBytes <= budgetBytes || this.isShedding) return;
    // Not within a call of one that may have to go.
    this.isShedding = true;
    setImmediate(() => this.shed(budgetBytes));
  }

  private shed(budgetBytes: number): void {
    if (this.usedBytes > budgetBytes) {
      const most = [...this.shares].sort((left, right) => right.heldBytes - left.heldBytes);
      for (const share of most) {
        if (this.usedBytes <= budgetBytes * SHED_TO) break;
        const detail = `${share.heldBytes} bytes of ${this.usedBytes} that all keep waiting, at most ${budgetBytes}`;
        share.holder.shed(reject('memory.exhausted', detail));
      }
    }
    this.isShedding = false;
  }
}

/** What one connection has of it. */
export class MemoryShare {
  heldBytes = 0;
  readonly holder: MemoryHolder;
  private readonly budget: MemoryBudget;

  constructor(budget: MemoryBudget, holder: MemoryHolder) {
    this.budget = budget;
    this.holder = holder;
  }

  hold(bytes: number, budgetBytes: number): void {
    const before = this.heldBytes;
    if (bytes === before) return;
    this.heldBytes = bytes;
    this.budget.change(this, before, bytes, budgetBytes);
  }
}

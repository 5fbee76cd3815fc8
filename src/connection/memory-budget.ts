/** Something that keeps bytes of a client waiting. */
export interface MemoryHolder {
  readonly heldBytes: number;
  /** Gives back what it holds: there is not enough for all. */
  shed(usedBytes: number): void;
}

/** So that a full budget does not shed one connection a turn. */
const SHED_TO = 7 / 8;

/**
 * What all connections of an edge keep waiting, against what they may. Where that is passed, those go that hold most: slow
 * readers of large responses and senders of large requests, while whoever keeps pace holds next to nothing.
 */
export class MemoryBudget {
  usedBytes = 0;
  private readonly holders = new Set<MemoryHolder>();
  private isShedding = false;

  /** A holder has `after` bytes where it had `before`. `budgetBytes` is what counts now. */
  change(holder: MemoryHolder, before: number, after: number, budgetBytes: number): void {
    this.usedBytes += after - before;
    if (after === 0) this.holders.delete(holder);
    else if (before === 0) this.holders.add(holder);
    if (this.usedBytes <= budgetBytes || this.isShedding) return;
    // Not within a call of one that may have to go.
    this.isShedding = true;
    setImmediate(() => this.shed(budgetBytes));
  }

  private shed(budgetBytes: number): void {
    const { usedBytes } = this;
    if (usedBytes > budgetBytes) {
      const most = [...this.holders].sort((left, right) => right.heldBytes - left.heldBytes);
      for (const holder of most) {
        if (this.usedBytes <= budgetBytes * SHED_TO) break;
        holder.shed(usedBytes);
      }
    }
    this.isShedding = false;
  }
}

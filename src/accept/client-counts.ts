/** How many connections each client has open, by its `clientKey`. It holds no more keys than there are connections. */
export class ClientCounts {
  readonly #counts = new Map<string, number>();

  /** False: the client has `max` already. What is taken has to be given back. */
  take(client: string, max: number): boolean {
    const count = this.#counts.get(client) ?? 0;
    if (count >= max) return false;
    this.#counts.set(client, count + 1);
    return true;
  }

  giveBack(client: string): void {
    const count = this.#counts.get(client) ?? 0;
    if (count > 1) this.#counts.set(client, count - 1);
    else this.#counts.delete(client);
  }
}

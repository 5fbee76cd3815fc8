import type { ClientCount } from '../admit/client-key.ts';

/** An edge, as far as it counts connections. */
export interface CountingEdge {
  /** `others`: what the other edges have of these clients. `surplus`: so many of its newest ones are one too many. */
  countClients(others: readonly ClientCount[], surplus: readonly ClientCount[]): void;
}

type Holder<Edge> = {
  total: number;
  readonly counts: Map<Edge, number>;
  /** What each edge was told of the others; none while the client has few. */
  readonly told: Map<Edge, number>;
};

/**
 * How many connections each client has with all edges together, so that `connections.maxPerClient` is not so many for each of
 * them. The kernel chooses the edge, and an edge must not wait for an answer at each connect. So each goes by what it has itself
 * and was told of the others, which it is told of clients that have half of what they may; and where two have let in too many
 * at the same moment, whoever tells of it last closes the newest.
 */
export class ClientsOfEdges<Edge extends CountingEdge> {
  readonly #edges: () => readonly Edge[];
  readonly #holders = new Map<string, Holder<Edge>>();
  #max: number;

  /** `max` is the policy's. */
  constructor(max: number, edges: () => readonly Edge[]) {
    this.#max = max;
    this.#edges = edges;
  }

  /** Holds for what is reported from now on. */
  adopt(max: number): void {
    this.#max = max;
  }

  /** The counts that have changed at one edge. */
  report(edge: Edge, counts: readonly ClientCount[]): void {
    const news = new Map<Edge, ClientCount[]>();
    const surplus: ClientCount[] = [];
    for (const [client, count] of counts) {
      let holder = this.#set(edge, client, count);
      const excess = Math.min(count, holder.total - this.#max);
      if (excess > 0) {
        surplus.push([client, excess]);
        // As good as closed: another edge that tells of its own meanwhile must not close as many once more.
        holder = this.#set(edge, client, count - excess);
      }
      this.#collect(client, holder, news);
    }
    if (surplus.length > 0 && !news.has(edge)) news.set(edge, []);
    for (const [to, others] of news) to.countClients(others, to === edge ? surplus : []);
  }

  /** It serves, and knows nothing of the others. */
  joined(edge: Edge): void {
    const others: ClientCount[] = [];
    for (const [client, holder] of this.#holders) {
      if (holder.told.size === 0) continue;
      holder.told.set(edge, holder.total);
      others.push([client, holder.total]);
    }
    if (others.length > 0) edge.countClients(others, []);
  }

  gone(edge: Edge): void {
    const news = new Map<Edge, ClientCount[]>();
    for (const [client, holder] of [...this.#holders]) {
      holder.told.delete(edge);
      if (holder.counts.has(edge)) this.#collect(client, this.#set(edge, client, 0), news);
    }
    for (const [to, others] of news) to.countClients(others, []);
  }

  #set(edge: Edge, client: string, count: number): Holder<Edge> {
    const holder = this.#holders.get(client) ?? { total: 0, counts: new Map(), told: new Map() };
    holder.total += count - (holder.counts.get(edge) ?? 0);
    if (count > 0) holder.counts.set(edge, count);
    else holder.counts.delete(edge);
    if (holder.total > 0) this.#holders.set(client, holder);
    else this.#holders.delete(client);
    return holder;
  }

  /** Who has to be told something else than before. */
  #collect(client: string, { total, counts, told }: Holder<Edge>, news: Map<Edge, ClientCount[]>): void {
    const isTold = total * 2 > this.#max;
    for (const edge of this.#edges()) {
      const others = isTold ? total - (counts.get(edge) ?? 0) : 0;
      if (others === (told.get(edge) ?? 0)) continue;
      if (isTold) told.set(edge, others);
      const list = news.get(edge) ?? [];
      news.set(edge, list);
      list.push([client, others]);
    }
    if (!isTold) told.clear();
  }
}

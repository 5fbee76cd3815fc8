import type { NodeRequest } from './node-request.ts';

/** Requests that wait for a worker, first come first served; one that is aborted leaves from the middle at once. */
export class NodeQueue {
  length = 0;
  #first: NodeRequest | null = null;
  #last: NodeRequest | null = null;

  add(request: NodeRequest): void {
    request.previous = this.#last;
    if (this.#last === null) this.#first = request;
    else this.#last.next = request;
    this.#last = request;
    this.length++;
  }

  /** For one that was with a worker before: it has waited its turn. */
  addFirst(request: NodeRequest): void {
    request.next = this.#first;
    if (this.#first === null) this.#last = request;
    else this.#first.previous = request;
    this.#first = request;
    this.length++;
  }

  takeFirst(): NodeRequest | null {
    const first = this.#first;
    if (first !== null) this.remove(first);
    return first;
  }

  /** `request` is in this queue. */
  remove(request: NodeRequest): void {
    if (request.previous === null) this.#first = request.next;
    else request.previous.next = request.next;
    if (request.next === null) this.#last = request.previous;
    else request.next.previous = request.previous;
    request.previous = null;
    request.next = null;
    this.length--;
  }
}

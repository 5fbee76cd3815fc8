/** What a queue keeps in its members, and alone sets. */
export interface Queued<Request> {
  previous: Request | null;
  next: Request | null;
}

/** Requests that wait for somebody to take them, first come first served; one that is aborted leaves from the middle at once. */
export class RequestQueue<Request extends Queued<Request>> {
  length = 0;
  #first: Request | null = null;
  #last: Request | null = null;

  add(request: Request): void {
    request.previous = this.#last;
    if (this.#last === null) this.#first = request;
    else this.#last.next = request;
    this.#last = request;
    this.length++;
  }

  /** For one that was taken before: it has waited its turn. */
  addFirst(request: Request): void {
    request.next = this.#first;
    if (this.#first === null) this.#last = request;
    else this.#first.previous = request;
    this.#first = request;
    this.length++;
  }

  get first(): Request | null {
    return this.#first;
  }

  takeFirst(): Request | null {
    const first = this.#first;
    if (first !== null) this.remove(first);
    return first;
  }

  /** `request` is in this queue. */
  remove(request: Request): void {
    if (request.previous === null) this.#first = request.next;
    else request.previous.next = request.next;
    if (request.next === null) this.#last = request.previous;
    else request.next.previous = request.previous;
    request.previous = null;
    request.next = null;
    this.length--;
  }
}

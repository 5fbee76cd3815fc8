/** One request, and the only answer to it that counts. */
export type Question = {
  /** No other request has it: the journal of the application knows a request by it. */
  readonly id: string;
  readonly method: 'GET' | 'POST';
  readonly bytes: Buffer;
  /** Behind the line that names the worker. Octets as latin1. */
  readonly content: string;
};

/** Long enough that some request is always running when a process dies, short enough for many of them. */
const WAIT_MS = 5;
const SMALL_BYTES = 3_000;
/** Above `content.memoryBytes` of the default policy: it waits in a file, and takes several reads and writes. */
const LARGE_BYTES = 100_000;
const LARGE_EVERY = 32;

/** Small pages, pages that take a moment, and contents that come back: every other request is a POST. */
export function question(lane: number, number: number): Question {
  const id = `${lane}-${number}`;
  if (number % 2 === 1) return post(id, number);
  return get(id, number % 4 === 0 ? `/page-${id}` : `/wait/${WAIT_MS}/${id}`);
}

export function get(id: string, path: string): Question {
  const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nX-Id: ${id}\r\n\r\n`;
  return { id, method: 'GET', bytes: Buffer.from(head, 'latin1'), content: `Hello from ${path}\n` };
}

function post(id: string, number: number): Question {
  const length = number % LARGE_EVERY === 1 ? LARGE_BYTES : (number * 7919) % SMALL_BYTES;
  const content = Buffer.alloc(length);
  for (let at = 0; at < length; at++) content[at] = (at * 31 + number) & 0xff;
  const head = `POST /echo HTTP/1.1\r\nHost: localhost\r\nX-Id: ${id}\r\nContent-Length: ${length}\r\n\r\n`;
  return {
    id,
    method: 'POST',
    bytes: Buffer.concat([Buffer.from(head, 'latin1'), content]),
    content: content.toString('latin1'),
  };
}

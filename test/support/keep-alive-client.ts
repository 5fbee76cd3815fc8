import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { within } from './deadline.ts';

export type Answer = { readonly status: number; readonly content: Buffer; readonly closes: boolean };

/** One connection and one request after the other, each awaited: as a browser or a proxy holds it. */
export class KeepAliveClient {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #closed = false;
  #onChange: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
      this.#onChange();
    });
    socket.on('close', () => {
      this.#closed = true;
      this.#onChange();
    });
  }

  static async connect(port: number): Promise<KeepAliveClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new KeepAliveClient(socket);
  }

  /** Sends one request, all pieces at once; the whole answer, or an error that says what came instead. */
  async ask(...request: readonly (string | Uint8Array)[]): Promise<Answer> {
    for (const piece of request) this.#socket.write(piece);
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#onChange = () => {
        const taken = takeAnswer(this.#received);
        if (taken !== undefined) {
          this.#received = this.#received.subarray(taken.bytes);
          resolve(taken.answer);
        } else if (this.#closed) {
          reject(new Error(`closed behind ${JSON.stringify(this.#shown)}`));
        }
      };
      this.#onChange();
    });
    return within(30_000, answer, () => `no whole answer: ${JSON.stringify(this.#shown)}`);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  get #shown(): string {
    return this.#received.toString('latin1', 0, 200);
  }
}

/** The first answer in these bytes, if it is whole. No answer ends with its connection here. */
function takeAnswer(bytes: Buffer): { readonly answer: Answer; readonly bytes: number } | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n') + 4;
  if (headEnd < 4) return undefined;
  const head = bytes.toString('latin1', 0, headEnd);
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
  const closes = /\r\nConnection: close\r\n/i.test(head);
  const length = /\r\nContent-Length: (\d+)\r\n/i.exec(head)?.[1];
  const content = length === undefined ? takeChunks(bytes, headEnd) : takeLength(bytes, headEnd, Number(length));
  return content && { answer: { status, content: content.content, closes }, bytes: content.end };
}

type Content = { readonly content: Buffer; readonly end: number };

function takeLength(bytes: Buffer, start: number, length: number): Content | undefined {
  const end = start + length;
  return bytes.length < end ? undefined : { content: Buffer.from(bytes.subarray(start, end)), end };
}

function takeChunks(bytes: Buffer, start: number): Content | undefined {
  const pieces: Buffer[] = [];
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    const length = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    const pieceStart = lineEnd + 2;
    if (lineEnd < 0 || bytes.length < pieceStart + length + 2) return undefined;
    if (length === 0) return { content: Buffer.concat(pieces), end: pieceStart + 2 };
    pieces.push(bytes.subarray(pieceStart, pieceStart + length));
    at = pieceStart + length + 2;
  }
}

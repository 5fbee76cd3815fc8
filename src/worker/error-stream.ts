import { Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { Log } from '../telemetry/error-log.ts';

/** A line that is longer is cut into several. */
const maxLineLength = 4096;
const options = { decodeStrings: false };

export interface ErrorStreamOwner {
  /** The application and the request, for log lines. */
  readonly subject: string;
}

/** `wsgi.errors`: lines into the error log, each with the request it is about. Written through at once, never waits. */
export class ErrorStream extends Writable {
  readonly #log: Log;
  readonly #owner: ErrorStreamOwner;
  #partialLine = '';
  #decoder: StringDecoder | null = null;

  constructor(log: Log, owner: ErrorStreamOwner) {
    super(options);
    this.#log = log;
    this.#owner = owner;
    // What an application writes behind its own end is lost, and no reason to end a worker.
    this.on('error', ignore);
  }

  override _write(chunk: string | Buffer, _encoding: BufferEncoding, written: (error?: Error) => void): void {
    this.#decoder ??= typeof chunk === 'string' ? null : new StringDecoder('utf8');
    const lines = (this.#partialLine + (typeof chunk === 'string' ? chunk : this.#decoder?.write(chunk))).split('\n');
    this.#partialLine = lines.pop() ?? '';
    for (const line of lines) this.#writeLine(line);
    while (this.#partialLine.length > maxLineLength) {
      this.#writeLine(this.#partialLine.slice(0, maxLineLength));
      this.#partialLine = this.#partialLine.slice(maxLineLength);
    }
    written();
  }

  /** The request is over: a line without its end is written too. */
  flush(): void {
    if (this.#partialLine === '') return;
    this.#writeLine(this.#partialLine);
    this.#partialLine = '';
  }

  #writeLine(line: string): void {
    for (let from = 0; from === 0 || from < line.length; from += maxLineLength) {
      this.#log.error(`${this.#owner.subject}: ${line.slice(from, from + maxLineLength)}`);
    }
  }
}

function ignore(): void {}

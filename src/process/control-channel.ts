import type { Duplex } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/**
 * The longest message of either side. Any policy that passes its checks fits: its long lists may come from as many files of one
 * megabyte, and routes have more characters here than in their file. A child gone wild does not.
 */
export const maxLineLength = 16 * 1024 * 1024;
/** What may wait for a peer that does not read. A start message, a policy and a few links are below it. */
const maxWaitingBytes = 2 * maxLineLength;

export interface ControlChannel<Out> {
  /** After the close, or to a peer that stopped reading (which closes the channel), the message is dropped. */
  send(message: Out): void;
  /** Ends our side; what was sent before still arrives. */
  close(): void;
  /** Called once, at once if it is closed already; with an error where the peer broke the protocol. */
  onClose(listener: (error: Error | null) => void): void;
}

/**
 * Messages as JSON, one a line, both ways over one stream; the types on both sides are `control-messages.ts`.
 * A line that is too long or is not an object with a `type` is a bug of the other side: the channel closes with an error.
 * An exception in `receive` is ours and passes through to the event loop.
 */
export function openControlChannel<In extends { readonly type: string }, Out extends { readonly type: string }>(
  stream: Duplex,
  receive: (message: In) => void,
): ControlChannel<Out> {
  const decoder = new StringDecoder('utf8');
  let partialLine = '';
  let closed: { readonly error: Error | null } | undefined;
  const closeListeners: ((error: Error | null) => void)[] = [];

  const fail = (error: Error | null): void => {
    if (closed !== undefined) return;
    closed = { error };
    partialLine = '';
    stream.destroy();
    for (const listener of closeListeners) listener(error);
  };

  stream.on('data', (chunk: Buffer) => {
    const lines = (partialLine + decoder.write(chunk)).split('\n');
    partialLine = lines.pop() ?? '';
    for (const line of lines) {
      if (closed !== undefined) return;
      const message = line.length > maxLineLength ? undefined : parseMessage<In>(line);
      if (message === undefined) return fail(new Error(`malformed control message of ${line.length} characters`));
      receive(message);
    }
    if (partialLine.length > maxLineLength) fail(new Error('control message without an end'));
  });
  // A reset or a broken pipe is how the end of a process looks while something is still under way to it.
  stream.on('error', () => fail(null));
  stream.on('end', () => fail(null));
  stream.on('close', () => fail(null));

  return {
    send(message) {
      if (closed !== undefined || stream.writableEnded) return;
      stream.write(`${JSON.stringify(message)}\n`);
      if (stream.writableLength > maxWaitingBytes) fail(new Error('the other side reads no control messages'));
    },
    close() {
      stream.end();
    },
    onClose(listener) {
      if (closed === undefined) closeListeners.push(listener);
      else listener(closed.error);
    },
  };
}

function parseMessage<In>(line: string): In | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isMessage = typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
    return isMessage ? (value as In) : undefined;
  } catch {
    return undefined;
  }
}

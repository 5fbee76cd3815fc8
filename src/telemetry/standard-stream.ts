import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { countLines, type LineTarget, type Loss } from './line-queue.ts';
import { LogFile } from './log-file.ts';
import { wholeLines } from './whole-lines.ts';

/**
 * Standard output or error, in a way that never blocks. A file is written through the thread pool. Pipes and terminals are opened
 * once more: the original is shared with whoever started us and with the application, and Node writes to a terminal
 * synchronously, which would stop an edge for as long as somebody holds Ctrl-S. Where that is not possible (a socket, as of
 * systemd's journal, or rights that were dropped) Node's own stream is.
 */
export function standardStream(descriptor: 1 | 2): LineTarget {
  if (fstatSync(descriptor).isFile()) return new LogFile({ descriptor });
  const path = `/proc/self/fd/${descriptor}`;
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY));
    return new LogFile({ path });
  } catch {
    return new NodeStream(descriptor === 1 ? process.stdout : process.stderr);
  }
}

class NodeStream implements LineTarget {
  readonly #stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    stream.on('error', () => {});
  }

  async append(lines: Buffer): Promise<Loss | null> {
    const pieces = wholeLines(lines);
    for (const [index, piece] of pieces.entries()) {
      const error = await new Promise<Error | null | undefined>((resolve) => this.#stream.write(piece, resolve));
      if (error != null) return { lines: countLines(Buffer.concat(pieces.slice(index))), reason: error.message };
    }
    return null;
  }

  async reopen(): Promise<null> {
    return null;
  }

  close(): void {}
}

import { connect, type Socket } from 'node:net';
import { type ControlReply, type ControlRequest, maxReplyBytes } from './protocol.ts';

/** Why a server cannot be asked; the message is for the operator. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
}

/** A connect to a Unix socket succeeds or fails at once, unless its server is stopped or busy for long. */
const connectMs = 2_000;

/** `reply` is the server's; `gone` resolves with the end of the connection, which a server that stops leaves open. */
export type Asked = { readonly reply: ControlReply; readonly gone: Promise<void> };

/** Asks the server at this socket. Rejects with `ControlError`, at the latest after the connect's time and `replyMs`. */
export async function askServer(path: string, request: ControlRequest, replyMs: number): Promise<Asked> {
  const socket = connect({ path });
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => {});
  try {
    await within(connectMs, connected(socket, path), `${path}: no server accepts within ${connectMs / 1000} s`);
    socket.write(`${JSON.stringify(request)}\n`);
    const late = `the server has not answered within ${replyMs / 1000} s; it may still do what was asked`;
    const reply = parseReply(await within(replyMs, firstLine(socket), late));
    if (reply === undefined) throw new ControlError(`${path}: this is no answer of a portcullis server`);
    if (reply.type !== 'stopping') socket.destroy();
    return { reply, gone };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Rejects with `ControlError` where the time is over first. */
export async function within<Value>(milliseconds: number, promise: Promise<Value>, problem: string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ControlError(problem)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function connected(socket: Socket, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const problems: Readonly<Record<string, string>> = {
        ENOENT: 'there is no such socket',
        ECONNREFUSED: 'no server listens there any more',
        EACCES: 'this user may not connect to it; the user of the server may, and root',
      };
      reject(new ControlError(`${path}: ${problems[error.code ?? ''] ?? error.message}`));
    });
  });
}

function firstLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      const end = text.indexOf('\n');
      if (end !== -1) resolve(text.slice(0, end));
      else if (text.length > maxReplyBytes) reject(new ControlError('the answer is longer than any answer should be'));
    });
    socket.once('close', () => reject(new ControlError('the server has closed the connection without an answer')));
  });
}

/** A server of another version may know replies that this one does not. */
function parseReply(line: string): ControlReply | undefined {
  try {
    const reply = JSON.parse(line) as { readonly type?: unknown } | null;
    const types: readonly unknown[] = ['status', 'jail', 'done', 'stopping', 'failed'];
    return types.includes(reply?.type) ? (reply as ControlReply) : undefined;
  } catch {
    return undefined;
  }
}

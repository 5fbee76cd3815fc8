import { Readable } from 'node:stream';

/** What an application may answer, told apart. */

/** -1: nothing that can be sent. */
export function pieceBytes(piece: unknown): number {
  if (typeof piece === 'string') return Buffer.byteLength(piece);
  return piece instanceof Uint8Array ? piece.length : -1;
}

export function iteratorOf(result: unknown): Iterator<unknown> | AsyncIterator<unknown> | null {
  if (isAsyncIterable(result)) return result[Symbol.asyncIterator]();
  if (isIterable(result)) return result[Symbol.iterator]();
  return null;
}

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function hasClose(value: unknown): value is { close(): unknown } {
  return typeof value === 'object' && value !== null && 'close' in value && typeof value.close === 'function';
}

export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'object') return `an object (${value.constructor?.name ?? 'without prototype'})`;
  return typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`;
}

/**
 * Tells an answer that it is not needed any more: a stream is destroyed, an iterator that was not exhausted gets
 * `return()`, and `close()` is called where there is one, as PEP 3333 has it, also after the normal end.
 */
export function closeAnswer(
  result: unknown,
  unfinished: Iterator<unknown> | AsyncIterator<unknown> | null,
  failed: (error: unknown) => void,
): void {
  try {
    if (result instanceof Readable) {
      result.destroy();
      return;
    }
    const returned: unknown = unfinished?.return?.();
    if (isThenable(returned)) Promise.resolve(returned).catch(failed);
    const closed: unknown = hasClose(result) ? result.close() : undefined;
    if (isThenable(closed)) Promise.resolve(closed).catch(failed);
  } catch (error) {
    failed(error);
  }
}

import { Socket } from 'node:net';
import type { UwsgiPlace } from '../worker/uwsgi-target.ts';

/**
 * A socket that goes on reading when writing has failed. An application that does not read its content lets uWSGI answer and
 * close while content is under way: the answer waits in our kernel, and Node would destroy the socket, and the answer with
 * it, for the EPIPE. Source: uWSGI's ThingsToKnow.rst, of applications that leave their content unread.
 */
export class UwsgiSocket extends Socket {
  /** Nobody reads what is written any more. */
  hasFailedWriting = false;

  override _write(chunk: Buffer, encoding: BufferEncoding, written: (error?: Error | null) => void): void {
    if (this.hasFailedWriting) written();
    else super._write(chunk, encoding, (error) => this.#done(error, written));
  }

  override _writev(
    chunks: { chunk: Buffer; encoding: BufferEncoding }[],
    written: (error?: Error | null) => void,
  ): void {
    if (this.hasFailedWriting) written();
    else super._writev?.(chunks, (error) => this.#done(error, written));
  }

  #done(error: Error | null | undefined, written: (error?: Error | null) => void): void {
    if (error instanceof Error && !this.destroyed) this.hasFailedWriting = true;
    written();
  }
}

/** A socket that connects: `connect` or `error` comes later, never before this returns. */
export function connectTo(place: UwsgiPlace): UwsgiSocket {
  const socket = new UwsgiSocket();
  socket.connect('path' in place ? place : { ...place, noDelay: true });
  return socket;
}

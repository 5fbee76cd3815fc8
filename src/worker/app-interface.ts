import type { Readable, Writable } from 'node:stream';

/** PEP 3333 for JavaScript (DESIGN section 5). Strings are latin1 of the raw bytes. */
export type Environ = {
  [key: string]: unknown;
  'wsgi.version': readonly [number, number];
  'wsgi.input': Readable;
  'wsgi.errors': Writable;
  'wsgi.multithread': boolean;
  'wsgi.multiprocess': boolean;
  'wsgi.run_once': boolean;
  'wsgi.input_terminated': boolean;
  'portcullis.tls': null;
};
/** Strings are sent as UTF-8. Answers undefined, or a promise where the client has to catch up first. */
export type Write = (content: string | Uint8Array) => Promise<void> | undefined;
/** Throws TypeError on what cannot be sent, and an error on a second call without `excInfo`. */
export type StartResponse = (status: string, headers: [string, string][], excInfo?: unknown) => Write;
/** Answers, or resolves to, an iterable or async iterable of strings and bytes; one string or Uint8Array is one piece. */
export type EnvironApp = (environ: Environ, startResponse: StartResponse) => unknown;

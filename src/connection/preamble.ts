import type { Endpoint } from '../inspect/forwarded.ts';

/** What a connection begins with before its first request, and no part of one. */
export interface Preamble {
  /** `bytes` may be reused by the caller afterwards. */
  receive(bytes: Uint8Array): PreambleReading;
}

export type PreambleReading =
  | { readonly type: 'incomplete' }
  | { readonly type: 'malformed'; readonly fault: string }
  /** `source` is who sends the requests, null: the peer itself. `rest` are bytes of this read that lie behind. */
  | { readonly type: 'complete'; readonly source: Endpoint | null; readonly rest: Uint8Array };

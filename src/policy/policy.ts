/**
 * A policy as the server uses it: validated, complete, deep-frozen. No later code asks again whether a limit is sane.
 * A file says `"10s"` and `"64KiB"`; here quantities name their unit. Plain data: it travels to the edges as JSON.
 */
export type Policy = {
  /** `default`, or the file's name without its folder and ending, in printable ASCII: `portcullis.policy` in environs. */
  readonly name: string;
  readonly request: RequestPolicy;
  readonly timeouts: {
    /** From the first byte of a head to its end: absolute. */
    readonly headMs: number;
    /** The longest time without a byte of content. */
    readonly contentMs: number;
    /** The longest time without a byte of the response leaving. */
    readonly writeMs: number;
    /** From the end of the checks to dispatch. */
    readonly queueMs: number;
    /** From dispatch to the response head, then between pieces of the response. 0: no deadline. */
    readonly workerMs: number;
  };
  readonly keepAlive: { readonly idleMs: number; readonly maxRequests: number };
  readonly connections: { readonly max: number };
  readonly queue: { readonly max: number };
  /** Bytes of one response that may wait in the edge for its client. */
  readonly response: { readonly bufferBytes: number };
  /** Where each value came from, by JSON pointer: `default`, `site.json:12:5` or `flag --limit-request-line`. */
  readonly origins: Readonly<Record<string, string>>;
};

export type RequestPolicy = {
  readonly lineBytes: number;
  readonly methods: readonly string[];
  readonly dotSegments: 'reject' | 'keep';
  readonly encodedSlash: 'reject' | 'decode';
  /** Lower case; `*.example.com` matches one label or more; empty: any host. */
  readonly hosts: readonly string[];
  readonly fieldCount: number;
  readonly fieldBytes: number;
  readonly totalFieldBytes: number;
  readonly underscores: 'drop' | 'reject';
  readonly contentBytes: number;
  /** Bytes of one request's content that may wait in memory for the application. */
  readonly contentMemoryBytes: number;
  readonly trailers: 'drop' | 'reject';
};

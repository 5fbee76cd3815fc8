import type { ObservableRule } from '../rejection/rules.ts';

/**
 * A policy as the server uses it: validated, complete, deep-frozen. No later code asks again whether a limit is sane.
 * A file says `"10s"` and `"64KiB"`; here quantities name their unit. Plain data: it travels to the edges as JSON.
 */
export type Policy = PolicyValues & {
  /** `default`, or the file's name without its folder and ending, in printable ASCII: `portcullis.policy` in environs. */
  readonly name: string;
  readonly connections: { readonly max: number };
  readonly queue: { readonly max: number };
  /** Bytes of one response that may wait in the edge for its client. */
  readonly response: { readonly bufferBytes: number };
  /** In the order of the file; no two are equally specific. */
  readonly routes: readonly Route[];
  /** Where each value came from, by JSON pointer: `default`, `site.json:12:5` or `flag --limit-request-line`. */
  readonly origins: Readonly<Record<string, string>>;
};

/** What may be another one on each route. */
export type PolicyValues = {
  readonly mode: Mode;
  /** Goes before `mode`. */
  readonly rules: Readonly<Partial<Record<ObservableRule, Mode>>>;
  readonly request: RequestPolicy;
  readonly timeouts: Timeouts;
  readonly keepAlive: { readonly idleMs: number; readonly maxRequests: number };
  /** Addresses and CIDR blocks. `deny` goes before `allow`, and an empty `allow` lets everybody in. */
  readonly clients: { readonly allow: readonly string[]; readonly deny: readonly string[] };
};

/** `observe`: what a rule would refuse passes and is logged. */
export type Mode = 'enforce' | 'observe';

export type Timeouts = {
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

export type Route = {
  /** What people call it: its `name`, or its hosts, methods and path. */
  readonly label: string;
  /** Which requests: all that is not null has to match. Hosts are lower case. */
  readonly hosts: readonly string[] | null;
  readonly path: string | null;
  readonly methods: readonly string[] | null;
  /** Only what the route itself says. */
  readonly values: PartialValues;
};

export type PartialValues = {
  readonly [Part in keyof PolicyValues]?: PolicyValues[Part] extends string
    ? PolicyValues[Part]
    : Partial<PolicyValues[Part]>;
};

import type { ObservableRule } from '../rejection/rules.ts';

/**
 * A policy as the server uses it: validated, complete, deep-frozen. No later code asks again whether a limit is sane.
 * A file says `"10s"` and `"64KiB"`; here quantities name their unit. Plain data: it travels to the edges as JSON.
 */
export type Policy = PolicyValues & {
  /** `default`, or the file's name without its folder and ending, in printable ASCII: `portcullis.policy` in environs. */
  readonly name: string;
  readonly connections: { readonly max: number; readonly maxPerClient: number };
  /** Bytes of heads, content and responses that may wait in one edge. */
  readonly memory: { readonly budgetBytes: number };
  /** Bytes of content that may wait in files of one edge. */
  readonly spool: { readonly maxBytes: number };
  readonly proxies: ProxyPolicy;
  readonly rateLimitStore: RateLimitStore;
  readonly jail: JailPolicy;
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
  readonly keepAlive: { readonly idleMs: number; readonly maxRequests: number; readonly maxAgeMs: number };
  /** Addresses and CIDR blocks. `deny` goes before `allow`, and an empty `allow` lets everybody in. */
  readonly clients: { readonly allow: readonly string[]; readonly deny: readonly string[] };
  /** All of them have to let a request pass. Two of one name, in two places, are equal. */
  readonly rateLimits: readonly RateLimit[];
};

/** `observe`: what a rule would refuse passes and is logged. */
export type Mode = 'enforce' | 'observe';

export type Timeouts = {
  /** From the first byte of a head to its end: absolute. */
  readonly headMs: number;
  /** The longest time without a byte of content. */
  readonly contentMs: number;
  /** Bytes a second of content, on average after `rateGraceMs`; 0: none. */
  readonly contentMinRate: number;
  /** The longest time without a byte of the response leaving. */
  readonly writeMs: number;
  /** Bytes a second of the response, on average after `rateGraceMs`; 0: none. */
  readonly writeMinRate: number;
  readonly rateGraceMs: number;
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
  /** `complete`: the application gets the request once all of its content is there. */
  readonly delivery: 'complete' | 'stream';
  readonly trailers: 'drop' | 'reject';
};

/** Who may say of a connection or a request whose it is. */
export type ProxyPolicy = {
  readonly trusted: readonly string[];
  /** Entries of a forwarding field that count at most, from the right. */
  readonly hops: number;
  readonly fields: 'x-forwarded' | 'forwarded';
  /** A connection of a trusted proxy begins with a PROXY header of this version. */
  readonly protocol: 'off' | 'v1' | 'v2' | 'any';
  /** So many leading bits of an IPv6 address are one client. */
  readonly ipv6Prefix: number;
};

/** A bucket for each key: `burst` tokens at most, `requests` more in `perMs`; a request takes `cost` of them. */
export type RateLimit = {
  readonly name: string;
  /** `client`, `route`, or `header:` with the name of a field in lower case. */
  readonly key: string;
  readonly requests: number;
  readonly perMs: number;
  readonly burst: number;
  /** A key that asked for more than there is gets nothing for so long; 0: until the next token. */
  readonly blockMs: number;
  readonly cost: number;
  readonly accuracy: 'leased' | 'exact';
};

export type RateLimitStore = {
  readonly timeoutMs: number;
  /** While the store does not answer each machine counts for itself, or refuses. */
  readonly outage: 'local' | 'refuse';
  /** Keys of one limit that are remembered. */
  readonly maxKeys: number;
};

/** Points for refusals of a client; those of `maxScore` go in `decayMs`. */
export type JailPolicy = {
  /** 0: nobody is blocked. */
  readonly maxScore: number;
  readonly decayMs: number;
  readonly blockMs: number;
  readonly malformedScore: number;
  readonly forbiddenScore: number;
  readonly tooLargeScore: number;
  readonly tooSlowScore: number;
  readonly tooManyScore: number;
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
  readonly [Part in keyof PolicyValues]?: PolicyValues[Part] extends string | readonly unknown[]
    ? PolicyValues[Part]
    : Partial<PolicyValues[Part]>;
};

/** A rate limit as a policy has it. Source: `/rateLimits`. */
export type AdmitLimit = {
  readonly name: string;
  /** `client`, `route`, or `header:` with the name of a field in lower case. */
  readonly key: string;
  readonly requests: number;
  readonly perMs: number;
  readonly burst: number;
  readonly blockMs: number;
  readonly cost: number;
  readonly accuracy: 'leased' | 'exact';
};

/** A rate limit made ready for requests: nothing of it is computed again. */
export type LimitInForce = {
  /** Under which the master counts. */
  readonly id: string;
  readonly name: string;
  readonly keyedBy: 'client' | 'route' | 'header';
  /** Of the header field, in lower case and ASCII; empty where it is keyed by something else. */
  readonly fieldName: Uint8Array;
  /** Tokens that one request takes. */
  readonly cost: number;
  /** In which one more token is there, in the long run. */
  readonly tokenMs: number;
  /** Tokens that an edge asks for at least. */
  readonly leaseTokens: number;
  /** A field line with its CRLF. */
  readonly policyLine: string;
  /** What a request above it is told: `more than 100 per 1s (per-client)`. */
  readonly excess: string;
};

const HEADER_KEY = 'header:';
/** An edge holds a sixteenth of a burst at most: so much more can pass for each edge there is. */
const LEASES_IN_BURST = 16;

/**
 * Name and all numbers: two files may give one name to two limits, and after a reload the same name may mean another one.
 * Whoever counts has to tell them apart.
 */
export function limitId({ name, key, requests, perMs, burst, blockMs, cost }: AdmitLimit): string {
  return `${name} ${key} ${requests}/${perMs} ${burst} ${blockMs} ${cost}`;
}

/**
 * Null where there is none. Those that count everybody together come last: a flood of one client ends at the limit of that
 * client, before it has spent what all share.
 */
export function limitsInForce(limits: readonly AdmitLimit[]): readonly LimitInForce[] | null {
  if (limits.length === 0) return null;
  const ready = limits.map(limitInForce);
  const isShared = ({ keyedBy }: LimitInForce): boolean => keyedBy === 'route';
  return [...ready.filter((limit) => !isShared(limit)), ...ready.filter(isShared)];
}

function limitInForce(limit: AdmitLimit): LimitInForce {
  const { name, key, requests, perMs, burst, cost, accuracy } = limit;
  const fieldName = key.startsWith(HEADER_KEY) ? key.slice(HEADER_KEY.length) : '';
  return {
    id: limitId(limit),
    name,
    keyedBy: fieldName !== '' ? 'header' : key === 'route' ? 'route' : 'client',
    fieldName: Uint8Array.from(fieldName, (character) => character.charCodeAt(0)),
    cost,
    tokenMs: perMs / requests,
    leaseTokens: accuracy === 'exact' ? cost : Math.max(cost, Math.floor(burst / LEASES_IN_BURST)),
    policyLine: policyLine(name, requests, perMs),
    excess: `more than ${requests} per ${perMs / 1000}s (${name})`,
  };
}

/**
 * draft-ietf-httpapi-ratelimit-headers-10 section 2: windows are whole seconds there. One of 1.5 s is told as one of 2 s,
 * with as many requests as pass in that.
 */
function policyLine(name: string, requests: number, perMs: number): string {
  const seconds = Math.ceil(perMs / 1000);
  const quota = Math.floor((requests * seconds * 1000) / perMs);
  return `RateLimit-Policy: "${name}";q=${quota};w=${seconds}\r\n`;
}

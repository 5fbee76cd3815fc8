import { deepFreeze } from './freeze.ts';
import { numberKey } from './key-at.ts';
import { PolicyError } from './mistake.ts';
import type { Policy } from './policy.ts';
import { expectation } from './policy-key.ts';
import { formatDuration, formatSize, toMilliseconds } from './quantity.ts';

/** The values that the command line, the environment or a config file may replace. */
export type OverridablePointer =
  | '/request/line/maxBytes'
  | '/request/fields/maxCount'
  | '/request/fields/maxFieldBytes'
  | '/timeouts/worker'
  | '/keepAlive/idle';

/**
 * `value` is a number as a policy file has it (bytes, field lines, seconds), or 0:
 * - of the three limits: no limit of its own, so the highest value that a policy file can have holds (64 KiB, 32768), and
 *   for a field line `/request/fields/maxTotalBytes`;
 * - of `/timeouts/worker`: no deadline;
 * - of `/keepAlive/idle`: no connection is kept, which is `/keepAlive/maxRequests` 1.
 *
 * `origin` is `flag --limit-request-line` or the like.
 */
export type Override = { readonly pointer: OverridablePointer; readonly value: number; readonly origin: string };

export type Overridden = {
  readonly policy: Policy;
  /** What the operator should hear at start: limits switched off, a policy file that is loosened, a value cut. */
  readonly warnings: readonly string[];
};

/**
 * The policy with some values replaced, frozen like the one given. Throws `PolicyError` for a value that neither a policy
 * file could have nor is one of the zeros above.
 */
export function withOverrides(policy: Policy, overrides: readonly Override[]): Overridden {
  let current = policy;
  const warnings: string[] = [];
  for (const override of overrides) {
    checkRange(override);
    warnings.push(...warningsFor(current, override));
    current = replace(current, override);
  }
  return { policy: deepFreeze(current), warnings };
}

type Replaceable = {
  /** The value in use, in the unit of `Policy`. */
  readonly current: (policy: Policy) => number;
  /** The value to use, in the unit of `Policy`, for the one that was given. */
  readonly effective: (value: number, policy: Policy) => number;
  readonly replace: (policy: Policy, effective: number) => Policy;
  readonly format: (effective: number) => string;
};

const replaceable: Readonly<Record<OverridablePointer, Replaceable>> = {
  '/request/line/maxBytes': {
    current: ({ request }) => request.lineBytes,
    effective: (value) => (value === 0 ? numberKey('/request/line/maxBytes').maximum : value),
    replace: (policy, lineBytes) => ({ ...policy, request: { ...policy.request, lineBytes } }),
    format: formatSize,
  },
  '/request/fields/maxCount': {
    current: ({ request }) => request.fieldCount,
    effective: (value) => (value === 0 ? numberKey('/request/fields/maxCount').maximum : value),
    replace: (policy, fieldCount) => ({ ...policy, request: { ...policy.request, fieldCount } }),
    format: (count) => `${count} field lines`,
  },
  '/request/fields/maxFieldBytes': {
    current: ({ request }) => request.fieldBytes,
    effective: (value, { request }) =>
      value === 0 ? request.totalFieldBytes : Math.min(value, request.totalFieldBytes),
    replace: (policy, fieldBytes) => ({ ...policy, request: { ...policy.request, fieldBytes } }),
    format: formatSize,
  },
  '/timeouts/worker': {
    current: ({ timeouts }) => timeouts.workerMs,
    effective: toMilliseconds,
    replace: (policy, workerMs) => ({ ...policy, timeouts: { ...policy.timeouts, workerMs } }),
    format: (workerMs) => (workerMs === 0 ? 'no deadline' : formatDuration(workerMs / 1000)),
  },
  '/keepAlive/idle': {
    current: ({ keepAlive }) => keepAlive.idleMs,
    effective: toMilliseconds,
    replace: (policy, idleMs) => ({
      ...policy,
      keepAlive: idleMs === 0 ? { ...policy.keepAlive, maxRequests: 1 } : { ...policy.keepAlive, idleMs },
    }),
    format: (idleMs) => formatDuration(idleMs / 1000),
  },
};

function replace(policy: Policy, { pointer, value, origin }: Override): Policy {
  const { effective, replace } = replaceable[pointer];
  const replaced = pointer === '/keepAlive/idle' && value === 0 ? '/keepAlive/maxRequests' : pointer;
  return { ...replace(policy, effective(value, policy)), origins: { ...policy.origins, [replaced]: origin } };
}

function warningsFor(policy: Policy, { pointer, value, origin }: Override): readonly string[] {
  const { current, effective, format } = replaceable[pointer];
  const before = current(policy);
  const after = effective(value, policy);
  const isLimit = numberKey(pointer).kind !== 'duration';
  if (isLimit && value === 0) return [`${origin} 0: no limit of its own; what holds is ${format(after)}`];
  const warnings: string[] = [];
  if (isLimit && after < value)
    warnings.push(`${origin} ${value}: above /request/fields/maxTotalBytes; what holds is ${format(after)}`);
  // Against the shipped default nobody's decision is undone: `-t 60` is everyday use.
  const from = policy.origins[pointer] ?? 'default';
  if (from !== 'default' && isHigher(pointer, after, before)) {
    warnings.push(`${origin} ${value} raises ${pointer} from ${format(before)} (${from}) to ${format(after)}`);
  }
  return warnings;
}

function isHigher(pointer: OverridablePointer, after: number, before: number): boolean {
  const length = (value: number): number =>
    pointer === '/timeouts/worker' && value === 0 ? Number.POSITIVE_INFINITY : value;
  return length(after) > length(before);
}

function checkRange({ pointer, value, origin }: Override): void {
  const key = numberKey(pointer);
  const isWhole = key.kind === 'duration' || Number.isSafeInteger(value);
  // A field line is cut to /request/fields/maxTotalBytes, with a warning.
  const maximum = pointer === '/request/fields/maxFieldBytes' ? Number.MAX_SAFE_INTEGER : key.maximum;
  if (value === 0 || (isWhole && value >= key.minimum && value <= maximum)) return;
  throw new PolicyError(origin, [{ position: null, pointer, problem: `expected ${expectation(key)}, found ${value}` }]);
}

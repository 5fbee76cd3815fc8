import type { Weapon } from './attacker.ts';

/** Deadline of head, content, reader and idle connection in every policy here: it bounds the time of the run. */
export const DEADLINE_SECONDS = 3;
/** For the 10,000: the first may not be ended before the last has come and the neighbour was there. */
const IDLE_SECONDS = 10;
const NEVER = '10h';

/** What a policy file says. */
export type PolicyFile = { readonly [key: string]: unknown };

/** One row of the table. */
export type Trial = {
  readonly name: string;
  readonly weapon: Weapon;
  /** What the row is about, on top of `base`. */
  readonly policy: PolicyFile;
  /** Keys that a build has to have for it, as `policyKeys` takes them. */
  readonly needs: readonly string[];
  /** Until when the server has to have ended every connection, from when no new one is made. */
  readonly endsWithinSeconds: number;
  /** Which protection it is that ends them, and the policy without it: the attack then has to succeed. */
  readonly control?: { readonly without: string; readonly policy: PolicyFile };
  /** Of Portcullis alone: the others have nothing like it to set. */
  readonly isOurs?: boolean;
};

/**
 * Caps are out of the way, so that the deadlines do the work. A thousand slow readers hold a thousand responses: at 1 MiB
 * each, the default of `bufferBytes`, no memory would be flat.
 */
const base: PolicyFile = {
  timeouts: { head: seconds(DEADLINE_SECONDS), content: seconds(DEADLINE_SECONDS), write: seconds(DEADLINE_SECONDS) },
  keepAlive: { idle: seconds(DEADLINE_SECONDS) },
  connections: { max: 15_000 },
  response: { bufferBytes: '16KiB' },
};

/** Other protections that a build may have: out of the way too, but in the rows that are about them. */
const outOfTheWay: readonly { readonly key: string; readonly policy: PolicyFile }[] = [
  { key: 'connections.maxPerClient', policy: { connections: { maxPerClient: 15_000 } } },
  { key: 'timeouts.rateGrace', policy: { timeouts: { rateGrace: NEVER } } },
];

export const trials: readonly Trial[] = [
  {
    name: 'slow head',
    weapon: slowhttptest('/', '-H', '-r', '1000', '-i', '1'),
    policy: {},
    needs: [],
    endsWithinSeconds: DEADLINE_SECONDS,
    control: { without: 'timeouts.head', policy: { timeouts: { head: NEVER } } },
  },
  {
    name: 'slow content: silence',
    weapon: slowhttptest('/upload', '-B', '-r', '1000', '-s', '8192', '-i', '30'),
    policy: {},
    needs: [],
    endsWithinSeconds: DEADLINE_SECONDS,
    control: { without: 'timeouts.content', policy: { timeouts: { content: NEVER } } },
  },
  {
    name: 'slow content: a few bytes a second',
    weapon: slowhttptest('/upload', '-B', '-r', '1000', '-s', '8192', '-i', '1'),
    policy: { timeouts: { contentMinRate: '500B/s', rateGrace: seconds(DEADLINE_SECONDS) } },
    needs: ['timeouts.contentMinRate', 'timeouts.rateGrace'],
    endsWithinSeconds: DEADLINE_SECONDS,
    control: { without: 'timeouts.contentMinRate', policy: { timeouts: { contentMinRate: 0 } } },
  },
  {
    name: 'slow read: silence',
    weapon: slowhttptest('/big', '-X', '-r', '1000', '-n', '30', '-w', '256', '-y', '512', '-z', '32'),
    policy: {},
    needs: [],
    endsWithinSeconds: DEADLINE_SECONDS,
    control: { without: 'timeouts.write', policy: { timeouts: { write: NEVER } } },
  },
  {
    name: 'slow read: 64 KiB a second',
    weapon: { tool: 'own', name: 'slow-reader' },
    // Far above the default of 1 KiB/s: a response that is read slowly by its measure would take an hour. No control: with
    // deadlines this short and tables of sockets this long the kernel's word comes too late to keep anybody.
    policy: { timeouts: { writeMinRate: '1MiB/s', rateGrace: seconds(DEADLINE_SECONDS) } },
    needs: ['timeouts.writeMinRate', 'timeouts.rateGrace'],
    // What is read so slowly shows only in the kernel, which is asked twice in the time of a write, after a grace.
    endsWithinSeconds: 5 * DEADLINE_SECONDS,
  },
  {
    name: 'slow read against a memory budget',
    weapon: slowhttptest('/big', '-X', '-r', '1000', '-n', '30', '-w', '256', '-y', '512', '-z', '32'),
    policy: { response: { bufferBytes: '1MiB' }, memory: { budgetBytes: '24MiB' } },
    needs: ['memory.budgetBytes'],
    endsWithinSeconds: DEADLINE_SECONDS,
    isOurs: true,
  },
  {
    name: 'ranges',
    // No deadline ends it, so there is no control: nothing here serves ranges, and the field is above its limit.
    weapon: slowhttptest('/', '-R', '-r', '250'),
    policy: {},
    needs: [],
    endsWithinSeconds: DEADLINE_SECONDS,
  },
  {
    name: '10,000 idle connections',
    weapon: { tool: 'own', name: 'idle' },
    policy: { keepAlive: { idle: seconds(IDLE_SECONDS) } },
    needs: [],
    endsWithinSeconds: IDLE_SECONDS,
    control: { without: 'keepAlive.idle', policy: { keepAlive: { idle: NEVER } } },
  },
  {
    name: 'flood of 2,000 connects/s',
    weapon: { tool: 'own', name: 'connection-flood' },
    policy: {},
    needs: [],
    endsWithinSeconds: DEADLINE_SECONDS,
    control: { without: 'timeouts.head', policy: { timeouts: { head: NEVER } } },
  },
  {
    name: 'flood of 5,000 requests/s',
    weapon: { tool: 'own', name: 'request-flood' },
    policy: { keepAlive: { maxRequests: 1_000_000 } },
    needs: [],
    endsWithinSeconds: DEADLINE_SECONDS,
  },
  {
    name: 'the same from a jailed client',
    weapon: { tool: 'own', name: 'request-flood' },
    // Five times what the neighbour sends, and far less than the flood: what is above it makes the points.
    policy: {
      rateLimits: [{ name: 'flood', key: 'client', requests: 1000, per: '1s' }],
      jail: { maxScore: 100, block: '60s' },
    },
    needs: ['rateLimits', 'jail'],
    endsWithinSeconds: DEADLINE_SECONDS,
    isOurs: true,
  },
  {
    name: 'pipelining, a byte at a time',
    weapon: { tool: 'own', name: 'byte-at-a-time' },
    policy: {},
    needs: [],
    endsWithinSeconds: DEADLINE_SECONDS,
    control: {
      without: 'timeouts.head and keepAlive.idle',
      policy: { timeouts: { head: NEVER }, keepAlive: { idle: NEVER } },
    },
  },
  {
    name: 'clients that vanish mid-request',
    weapon: { tool: 'own', name: 'vanishing-mid-request' },
    policy: {},
    needs: [],
    endsWithinSeconds: DEADLINE_SECONDS,
  },
  {
    name: 'clients that vanish mid-response',
    weapon: { tool: 'own', name: 'vanishing-mid-response' },
    policy: {},
    needs: [],
    endsWithinSeconds: DEADLINE_SECONDS,
  },
  {
    name: 'slow head, with caps and jail',
    weapon: slowhttptest('/', '-H', '-r', '1000', '-i', '1'),
    policy: { connections: { maxPerClient: 256 }, jail: { maxScore: 50, block: '60s' } },
    needs: ['connections.maxPerClient', 'jail'],
    endsWithinSeconds: DEADLINE_SECONDS,
    isOurs: true,
  },
];

/** The policy file of a row, for a build that `knows` these keys; what the row does not say is as in `base`. */
export function policyOf(trial: Trial, knows: (key: string) => boolean): PolicyFile {
  const others = outOfTheWay.filter(({ key }) => knows(key)).map(({ policy }) => policy);
  return [...others, trial.policy].reduce(merged, base);
}

/** The same without the protection that the row is about. */
export function controlPolicyOf(trial: Trial, knows: (key: string) => boolean): PolicyFile {
  return merged(policyOf(trial, knows), trial.control?.policy ?? {});
}

function merged(under: PolicyFile, over: PolicyFile): PolicyFile {
  const entries = Object.entries(over).map(([key, value]) => {
    const below = under[key];
    return [key, isGroup(below) && isGroup(value) ? merged(below, value) : value] as const;
  });
  return { ...under, ...Object.fromEntries(entries) };
}

function isGroup(value: unknown): value is PolicyFile {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function seconds(count: number): string {
  return `${count}s`;
}

/** 1,000 connections of slowhttptest, at what is in `flags` as its manual has them. */
function slowhttptest(path: string, ...flags: readonly string[]): Weapon {
  return { tool: 'slowhttptest', flags: ['-c', '1000', ...flags], path };
}

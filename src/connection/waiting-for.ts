import type { PolicyValues } from '../policy/policy.ts';
import type { RuleId } from '../rejection/rules.ts';
import type { Party } from './exchange.ts';

/** Whom a connection waits for. Each has one deadline, and the policy names it. */
export type WaitingFor = 'first-byte' | 'head' | 'keep-alive' | 'last-request' | 'write' | 'lingering' | Party;

/** Of a connection that is idle while its edge drains. A client that goes on at once has its request under way by then. */
const lastRequestMs = 1_000;

/** Milliseconds; 0: no deadline. */
export function deadlineMs(waitingFor: WaitingFor, { timeouts, keepAlive }: PolicyValues): number {
  switch (waitingFor) {
    case 'first-byte':
    case 'head':
      return timeouts.headMs;
    case 'content':
      return timeouts.contentMs;
    case 'queue':
      return timeouts.queueMs;
    case 'worker':
      return timeouts.workerMs;
    case 'write':
      return timeouts.writeMs;
    case 'keep-alive':
      return keepAlive.idleMs;
    case 'last-request':
      return keepAlive.idleMs === 0 ? lastRequestMs : Math.min(keepAlive.idleMs, lastRequestMs);
    case 'lingering':
      // Who may stay idle for an hour has no more than a moment to read a refusal.
      return Math.min(keepAlive.idleMs, timeouts.contentMs);
  }
}

/** The rule that ends the wait; none for a client that has its response and only does not close. */
export function expiryOf(waitingFor: WaitingFor): RuleId | undefined {
  switch (waitingFor) {
    case 'first-byte':
    case 'head':
      return 'timeout.head';
    case 'content':
      return 'timeout.content';
    case 'queue':
      return 'timeout.queue';
    case 'worker':
      return 'timeout.worker';
    case 'write':
      return 'timeout.write';
    case 'keep-alive':
    case 'last-request':
      return 'timeout.keep-alive';
    case 'lingering':
      return undefined;
  }
}

/** What was waited for, and for how long. */
export function expiryDetail(waitingFor: WaitingFor, values: PolicyValues): string {
  const afterMs = deadlineMs(waitingFor, values);
  switch (waitingFor) {
    case 'first-byte':
      return `no byte within ${afterMs} ms`;
    case 'head':
      return `not complete ${afterMs} ms after its first byte`;
    case 'keep-alive':
    case 'last-request':
      return `no further request within ${afterMs} ms`;
    case 'write':
      return `no byte was taken for ${afterMs} ms`;
    case 'content':
      return `no byte came for ${afterMs} ms`;
    case 'queue':
      return `not dispatched within ${afterMs} ms`;
    default:
      return `no progress for ${afterMs} ms`;
  }
}

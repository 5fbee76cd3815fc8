import type { PolicyValues } from '../policy/policy.ts';
import type { RuleId } from '../rejection/rules.ts';
import type { Party } from './exchange.ts';

/** Whom a connection waits for. Each has one deadline, and the policy names it. */
export type WaitingFor = 'first-byte' | 'head' | 'keep-alive' | 'write' | 'lingering' | Party;

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
    case 'lingering':
      return keepAlive.idleMs;
  }
}

/** The rule that ends the wait; none where the connection is only closed. */
export function expiryOf(waitingFor: WaitingFor): RuleId | undefined {
  switch (waitingFor) {
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
    default:
      return undefined;
  }
}

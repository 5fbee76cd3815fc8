import type { ChildExit } from './child-handle.ts';

/**
 * `told`: to leave, by a reload, a signal or whatever else the master had decided. `killed`: by the master, because it was not
 * ready, did not end or broke the rules between them. `failed`: it said why. `signal`: by somebody else, mostly the kernel that
 * was out of memory. `crash`: with a status that is not 0. `exit`: as if it had nothing left to do.
 */
export const exitCauses = ['told', 'killed', 'failed', 'signal', 'crash', 'exit'] as const;
export type ExitCause = (typeof exitCauses)[number];

export function exitCause({ killedBecause, stateBefore, failure, signal, code }: ChildExit): ExitCause {
  if (killedBecause !== null) return 'killed';
  if (stateBefore === 'draining' || stateBefore === 'stopping') return 'told';
  if (failure !== null) return 'failed';
  if (signal !== null) return 'signal';
  return code === 0 ? 'exit' : 'crash';
}

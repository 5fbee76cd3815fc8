import { inspect } from 'node:util';

/** What to log of something that was thrown. Anything can be, also what has no string. */
export function stackOf(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : inspect(thrown);
}

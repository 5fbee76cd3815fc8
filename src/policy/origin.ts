import type { Policy } from './policy.ts';

/**
 * Where the value behind a pointer came from, for people: `default`, `site.json:12:5`, `flag --timeout`. The pointer of an
 * object (`/request/fields`, as rules have it) names the origins of all that is in it.
 */
export function originOf({ origins }: Policy, pointer: string): string {
  const exact = origins[pointer];
  if (exact !== undefined) return exact;
  const inner = Object.keys(origins).filter((candidate) => candidate.startsWith(`${pointer}/`));
  return [...new Set(inner.map((candidate) => origins[candidate]))].join(', ');
}

/** The first of these that a file says which is no shipped one: a place, where all else has a name. */
export function saidPointer({ origins }: Policy, pointers: readonly string[]): string | undefined {
  return pointers.find((pointer) => origins[pointer]?.includes(':') === true);
}

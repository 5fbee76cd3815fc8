import { isDeepStrictEqual } from 'node:util';
import { excerpt } from './excerpt.ts';
import { locate, positionsIn, type SourceDocument } from './locate.ts';
import type { PolicyFile } from './policy-file.generated.ts';
import type { Problem } from './validate.ts';

type LimitOfFile = NonNullable<PolicyFile['rateLimits']>[number];

/** What files of a policy say of rate limits. */
export type RateLimitLists = Pick<PolicyFile, 'rateLimits' | 'routes'>;

/** The first limit of each name, and where it stands, in words. */
type KnownLimits = Map<string, { readonly limit: LimitOfFile; readonly place: string }>;

/**
 * A name is one limit, wherever it stands: what two places say of it has to be the same, because both count into one bucket,
 * and one list has it once. A request that costs more than a bucket holds would never pass.
 */
export function* rateLimitProblems(document: SourceDocument, file: PolicyFile): Generator<Problem> {
  const known: KnownLimits = new Map();
  const positionOf = positionsIn(document.text);
  for (const { limits, pointer } of listsOf(file)) {
    const here = new Set<string>();
    for (const [index, limit] of limits.entries()) {
      const place = `${pointer}/${index}`;
      const { burst, cost } = withDefaults(limit);
      if (cost > burst) {
        const problem = `expected a burst of at least the cost of one request, found a burst of ${burst} and a cost of ${cost}`;
        yield { pointer: place, problem };
      }
      if (here.has(limit.name)) {
        yield { pointer: place, problem: `expected each name once in a list, found "${excerpt(limit.name)}" again` };
        continue;
      }
      here.add(limit.name);
      yield* difference(limit, place, known);
      if (known.has(limit.name)) continue;
      const { line, column } = positionOf(locate(document, place)?.node.start ?? 0);
      known.set(limit.name, { limit, place: `${line}:${column}` });
    }
  }
}

/**
 * The same between what one file says and what it leaves to those that it extends: the general limits may be of one file, and
 * the routes of another. `originOf` says where the limits of the further file stand.
 */
export function* rateLimitConflicts(
  nearer: RateLimitLists,
  further: RateLimitLists,
  originOf: (pointer: string) => string,
): Generator<Problem> {
  const known: KnownLimits = new Map();
  for (const { limits, pointer } of listsOf(further)) {
    for (const [index, limit] of limits.entries()) {
      if (!known.has(limit.name)) known.set(limit.name, { limit, place: originOf(`${pointer}/${index}`) });
    }
  }
  for (const { limits, pointer } of listsOf(nearer)) {
    for (const [index, limit] of limits.entries()) yield* difference(limit, `${pointer}/${index}`, known);
  }
}

function* difference(limit: LimitOfFile, pointer: string, known: KnownLimits): Generator<Problem> {
  const first = known.get(limit.name);
  if (first === undefined || isDeepStrictEqual(withDefaults(first.limit), withDefaults(limit))) return;
  const problem = `expected the same limit as at ${excerpt(first.place, 200)}, which is called "${excerpt(limit.name)}" too`;
  yield { pointer, problem };
}

function* listsOf({ rateLimits = [], routes = [] }: RateLimitLists) {
  yield { limits: rateLimits, pointer: '/rateLimits' };
  for (const [index, route] of routes.entries()) {
    if (route.rateLimits !== undefined) yield { limits: route.rateLimits, pointer: `/routes/${index}/rateLimits` };
  }
}

function withDefaults({ key = 'client', burst, block = 0, cost = 1, accuracy = 'leased', ...said }: LimitOfFile) {
  return { ...said, key: key.toLowerCase(), burst: burst ?? said.requests, block, cost, accuracy };
}

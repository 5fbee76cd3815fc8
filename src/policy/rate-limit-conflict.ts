import { isDeepStrictEqual } from 'node:util';
import { excerpt } from './excerpt.ts';
import type { PolicyFile } from './policy-file.generated.ts';
import type { Problem } from './validate.ts';

type LimitOfFile = NonNullable<PolicyFile['rateLimits']>[number];

/**
 * A name is one limit, wherever it stands: what two places say of it has to be the same, and one list has it once. Two files
 * that say different things have two limits.
 */
export function* rateLimitProblems(file: PolicyFile): Generator<Problem> {
  const seen = new Map<string, { readonly limit: LimitOfFile; readonly pointer: string }>();
  for (const { limits, pointer } of listsOf(file)) {
    const here = new Set<string>();
    for (const [index, limit] of limits.entries()) {
      const place = `${pointer}/${index}`;
      const first = seen.get(limit.name);
      const name = `"${excerpt(limit.name)}"`;
      if (here.has(limit.name)) {
        yield { pointer: place, problem: `expected each name once in a list, found ${name} again` };
      } else if (first !== undefined && !isDeepStrictEqual(withDefaults(first.limit), withDefaults(limit))) {
        yield {
          pointer: place,
          problem: `expected the same limit as at ${first.pointer}, which is called ${name} too`,
        };
      }
      const { burst, cost } = withDefaults(limit);
      if (cost > burst) {
        yield {
          pointer: place,
          problem: `expected a burst of at least the cost of one request, found ${burst} and ${cost}`,
        };
      }
      here.add(limit.name);
      if (first === undefined) seen.set(limit.name, { limit, pointer: place });
    }
  }
}

function* listsOf({ rateLimits = [], routes = [] }: PolicyFile) {
  yield { limits: rateLimits, pointer: '/rateLimits' };
  for (const [index, route] of routes.entries()) {
    yield { limits: route.rateLimits ?? [], pointer: `/routes/${index}/rateLimits` };
  }
}

function withDefaults({ key = 'client', burst, block = 0, cost = 1, accuracy = 'leased', ...said }: LimitOfFile) {
  return { ...said, key: key.toLowerCase(), burst: burst ?? said.requests, block, cost, accuracy };
}

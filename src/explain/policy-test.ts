import type { ParserContext } from '../http1/request-parser.ts';
import { excerpt } from '../policy/excerpt.ts';
import type { PolicySource } from '../policy/load.ts';
import type { PolicyInForce } from '../policy/policy-in-force.ts';
import { expand } from '../rejection/example-bytes.ts';
import { arrivalFrom, nobody } from './arriving.ts';
import { type Explanation, explain } from './explain.ts';
import { hasBareLineFeeds } from './line-ends.ts';

type PolicyTest = PolicySource['tests'][number];
type Expectation = PolicyTest['expect'];

/** One test of a policy file that has run. */
export type TestResult = {
  readonly name: string;
  /** What was expected and what was found instead; null: it holds. */
  readonly problem: string | null;
};

/** Longer ones would be no test of a policy: its limits are far below. */
const maxExpandedBytes = 4 * 1024 * 1024;
/**
 * Of all tests together. They run in the master, where they hold up signals and children for as long as they take: about a
 * second for so many bytes, if they are short requests. A megabyte of `{...*140000}` would take ten minutes.
 */
export const maxBytesOfTests = 64 * 1024 * 1024;

/** Runs tests through the parser and the checks of the server. Of several requests in one test each has to be as expected. */
export function runTests(
  tests: readonly PolicyTest[],
  policy: PolicyInForce,
  context: ParserContext,
): readonly TestResult[] {
  let bytesLeft = maxBytesOfTests;
  return tests.map((test) => {
    const length = expandedLength(test.request);
    if (length <= maxExpandedBytes) bytesLeft -= length;
    return { name: test.name, problem: bytesLeft < 0 ? tooManyBytes : (run(test, length, policy, context) ?? null) };
  });
}

const tooManyBytes = `expected at most ${maxBytesOfTests} bytes in the requests of all tests together`;

function run(test: PolicyTest, length: number, policy: PolicyInForce, context: ParserContext): string | undefined {
  if (length > maxExpandedBytes) return `expected a request of at most ${maxExpandedBytes} bytes`;
  const text = expand(test.request);
  if (/[^\x00-\xff]/.test(text)) return 'expected a request of bytes, each a character up to U+00FF';
  const bytes = Buffer.from(text, 'latin1');
  const explanations = explain(bytes, policy, arrivalFrom(test.from ?? nobody, policy.policy.name), context);
  for (const explanation of explanations) {
    const problem = difference(test.expect, explanation, policy);
    if (problem !== undefined) return hasBareLineFeeds(bytes) ? `${problem}; ${bareLineFeeds}` : problem;
  }
  return undefined;
}

/** As a YAML block leaves them. */
const bareLineFeeds = 'lines of the request end with \\n alone, HTTP has \\r\\n';

/** A request has no more bytes once it is expanded. */
function expandedLength(request: string): number {
  // Nothing, however often, counts as one byte each: no string can be asked for infinitely often.
  const lengths = [...request.matchAll(/\{([^{}]*)\*(\d+)\}/g)].map(
    ([, text = '', count]) => Math.max(text.length, 1) * Number(count),
  );
  return lengths.reduce((sum, length) => sum + length, request.length);
}

function difference(expected: Expectation, found: Explanation, policy: PolicyInForce): string | undefined {
  const outcome = outcomeOf(found);
  const { rejection } = found;
  const verdict = expected.verdict ?? (expected.rule === undefined && expected.status === undefined ? null : 'refuse');
  if (verdict !== null && verdict !== found.verdict)
    return `expected a request that ${says[verdict]}, found that ${outcome}`;
  if (expected.rule !== undefined && expected.rule !== rejection?.rule) {
    return `expected a refusal by ${expected.rule}, found that ${outcome}`;
  }
  if (expected.status !== undefined && expected.status !== rejection?.status) {
    return `expected the status ${expected.status}, found that ${outcome}`;
  }
  if (expected.observed !== undefined && !found.observed.some(({ rule }) => rule === expected.observed)) {
    return `expected that ${expected.observed} is observed, found that it has nothing to object`;
  }
  return routeDifference(expected, found, policy) ?? environDifference(expected, found);
}

const says = { pass: 'passes', refuse: 'is refused' } as const;

function outcomeOf({ verdict, rejection, observed }: Explanation): string {
  if (verdict === 'pass') {
    const rules = observed.map(({ rule }) => rule).join(', ');
    return rules === '' ? 'it passes' : `it passes: ${rules} is only observed`;
  }
  if (rejection === null) return 'it is not complete: the bytes end before the request does';
  return `${rejection.rule} refuses it (${rejection.detail})`;
}

function routeDifference(
  { route }: Expectation,
  { effective }: Explanation,
  { policy }: PolicyInForce,
): string | undefined {
  if (route === undefined) return undefined;
  const label = effective.route === null ? null : policy.routes[effective.route]?.label;
  if (route === label) return undefined;
  const found = label === null ? 'no route takes it' : `the route "${excerpt(label ?? '', 120)}" takes it`;
  return `expected the route "${excerpt(route, 120)}", found that ${found}`;
}

function environDifference({ environ = {} }: Expectation, found: Explanation): string | undefined {
  for (const [key, value] of Object.entries(environ)) {
    // Its own: `constructor` is a name that a policy may ask for.
    const actual = found.environ !== null && Object.hasOwn(found.environ, key) ? (found.environ[key] ?? null) : null;
    if (actual === value) continue;
    return `expected ${excerpt(key)} to be ${shown(value)} in the environ, found ${shown(actual)}`;
  }
  return undefined;
}

function shown(value: string | null): string {
  return value === null ? 'nothing' : `"${excerpt(value)}"`;
}

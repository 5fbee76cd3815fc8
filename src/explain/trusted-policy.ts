import { totalmem } from 'node:os';
import { type Doubt, doubtsAbout } from '../policy/coherence.ts';
import { excerpt } from '../policy/excerpt.ts';
import { type PolicySource, readPolicy } from '../policy/load.ts';
import { locate, positionsIn } from '../policy/locate.ts';
import { PolicyError, type Position } from '../policy/mistake.ts';
import type { Policy } from '../policy/policy.ts';
import { type PolicyInForce, putInForce } from '../policy/policy-in-force.ts';
import { parserContext } from './parser-context.ts';
import { runTests, type TestResult } from './policy-test.ts';
import { unreachable } from './reachability.ts';
import { waysAround } from './way-around.ts';

/** A policy whose own tests have passed. */
export type TrustedPolicy = {
  readonly policy: Policy;
  /** The files that it was read from; shipped ones are not among them. */
  readonly files: readonly string[];
  /** What is allowed, and can hardly be meant. */
  readonly doubts: readonly Doubt[];
};

/** As many failed tests as one message lists. */
const maxFailures = 50;

/**
 * Loads a policy as `loadPolicy` does (null: the shipped default), runs the tests in it and looks for what its author can
 * hardly have meant. Throws `PolicyError` with all mistakes, or with all tests that fail.
 */
export function loadTrustedPolicy(path: string | null, directory = process.cwd()): TrustedPolicy {
  const { policy, source } = readPolicy(path, directory);
  if (source === null) return { policy, files: [], doubts: [] };
  const inForce = putInForce(policy);
  const failed = failures(source, testsOf(source, inForce));
  if (failed !== null) throw failed;
  return { policy, files: source.files, doubts: doubtsOf(inForce) };
}

export function testsOf(source: PolicySource, policy: PolicyInForce): readonly TestResult[] {
  return source.tests.length === 0 ? [] : runTests(source.tests, policy, parserContext());
}

export function doubtsOf(policy: PolicyInForce): readonly Doubt[] {
  const context = parserContext();
  return [...doubtsAbout(policy, memoryBytes()), ...unreachable(policy, context), ...waysAround(policy, context)];
}

/** Tests that failed, each at its place in the file. */
export function failures(source: PolicySource, results: readonly TestResult[]): PolicyError | null {
  const { document } = source;
  const positionOf = testPositions(source);
  const mistakes = results.flatMap(({ name, problem }, index) => {
    if (problem === null) return [];
    const position = positionOf(index);
    return [{ position, pointer: `/tests/${index}`, problem: `the test "${excerpt(name, 200)}" fails: ${problem}` }];
  });
  if (mistakes.length === 0) return null;
  const more = Math.max(0, mistakes.length - maxFailures);
  return new PolicyError(document.file, mistakes.slice(0, maxFailures), { text: document.text, more });
}

/** Where the tests of a file stand, by their index. */
export function testPositions({ document }: PolicySource): (index: number) => Position {
  const positionOf = positionsIn(document.text);
  return (index) => positionOf(locate(document, `/tests/${index}`)?.node.start ?? 0);
}

/** Of this machine, or of the container that this process is in. */
function memoryBytes(): number {
  const limit = process.constrainedMemory();
  const total = totalmem();
  return limit > 0 && limit < total ? limit : total;
}

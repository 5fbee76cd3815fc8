import { type Doubt, doubtText } from '../policy/coherence.ts';
import { excerpt } from '../policy/excerpt.ts';
import { readPolicy } from '../policy/load.ts';
import { type Mistake, PolicyError } from '../policy/mistake.ts';
import type { Policy } from '../policy/policy.ts';
import { putInForce } from '../policy/policy-in-force.ts';
import { defaultName } from '../policy/shipped.ts';
import { type Answer, answer, counted, exitInvalid, exitOk, jsonAnswer } from './answer.ts';
import type { Paint } from './paint.ts';
import { doubtsOf, failures, testsOf } from './trusted-policy.ts';

export type CheckOptions = {
  /** Paths of files, or names of shipped policies. */
  readonly files: readonly string[];
  readonly warningsAreErrors: boolean;
  readonly json: boolean;
};

type Checked =
  | {
      readonly file: string;
      readonly policy: Policy;
      readonly chain: readonly string[];
      readonly tests: number;
      readonly doubts: readonly Doubt[];
    }
  | { readonly file: string; readonly error: PolicyError };

/** Whether a server would start with these files, and what it would warn of. The tests in them run. */
export function checkCommand({ files, warningsAreErrors, json }: CheckOptions, paint: Paint): Answer {
  const checked = files.map(check);
  const isBad = checked.some((one) => 'error' in one || (warningsAreErrors && one.doubts.length > 0));
  const exitCode = isBad ? exitInvalid : exitOk;
  if (json) return jsonAnswer({ files: checked.map(asJson) }, exitCode);
  const complaint = checked.map((one) => ('error' in one ? `${one.error.message}\n` : '')).join('');
  return answer(
    checked.flatMap((one) => lines(one, paint)),
    exitCode,
    complaint,
  );
}

function check(file: string): Checked {
  try {
    const { policy, source } = readPolicy(file);
    const inForce = putInForce(policy);
    if (source === null) return { file, policy, chain: [defaultName], tests: 0, doubts: doubtsOf(inForce) };
    const results = testsOf(source, inForce);
    const error = failures(source, results);
    if (error !== null) return { file, error };
    return { file, policy, chain: source.chain, tests: results.length, doubts: doubtsOf(inForce) };
  } catch (error) {
    if (error instanceof PolicyError) return { file, error };
    throw error;
  }
}

function lines(checked: Checked, paint: Paint): readonly string[] {
  const name = excerpt(checked.file, 200);
  if ('error' in checked) return [`${name}: ${paint.bad('invalid')}`];
  const { policy, chain, tests, doubts } = checked;
  const facts = [counted(policy.routes.length, 'route'), tests === 0 ? 'no tests' : `${counted(tests, 'test')} passed`];
  const extended = chain.slice(1).map((link) => excerpt(link, 60));
  if (extended.length > 0) facts.push(`extends ${extended.join(' > ')}`);
  return [
    `${name}: ${paint.good('valid')} (${facts.join(', ')})`,
    ...doubts.map((doubt) => `${paint.warning('warning:')} ${doubtText(doubt)}`),
  ];
}

function asJson(checked: Checked): object {
  if ('error' in checked) {
    const { file, error } = checked;
    return { file, valid: false, mistakes: error.mistakes.map((mistake) => mistakeAsJson(error.source, mistake)) };
  }
  const { file, policy, chain, tests, doubts } = checked;
  const { name, routes } = policy;
  return { file, valid: true, policy: name, chain, routes: routes.length, testsPassed: tests, warnings: doubts };
}

function mistakeAsJson(file: string, { position, pointer, problem }: Mistake): object {
  return { file, line: position?.line ?? null, column: position?.column ?? null, pointer, problem };
}

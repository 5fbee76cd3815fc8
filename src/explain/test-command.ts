import { excerpt } from '../policy/excerpt.ts';
import { readPolicy } from '../policy/load.ts';
import type { Position } from '../policy/mistake.ts';
import { putInForce } from '../policy/policy-in-force.ts';
import { type Answer, answer, counted, exitNegative, exitOk, jsonAnswer } from './answer.ts';
import type { Paint } from './paint.ts';
import type { TestResult } from './policy-test.ts';
import { testPositions, testsOf } from './trusted-policy.ts';

export type TestOptions = { readonly files: readonly string[]; readonly json: boolean };

type Tested = { readonly file: string; readonly results: readonly (TestResult & Position)[] };

/** Runs the tests in policy files. Throws `PolicyError` of the first file that is invalid beside its tests. */
export function testCommand({ files, json }: TestOptions, paint: Paint): Answer {
  const tested = files.map(runFile);
  const hasFailed = tested.some(({ results }) => results.some(({ problem }) => problem !== null));
  const exitCode = hasFailed ? exitNegative : exitOk;
  if (json) return jsonAnswer({ files: tested.map(asJson) }, exitCode);
  return answer(
    tested.flatMap((one) => lines(one, paint)),
    exitCode,
  );
}

function runFile(file: string): Tested {
  const { policy, source } = readPolicy(file);
  if (source === null) return { file, results: [] };
  const positionOf = testPositions(source);
  const results = testsOf(source, putInForce(policy));
  return { file, results: results.map((result, index) => ({ ...result, ...positionOf(index) })) };
}

function lines({ file, results }: Tested, paint: Paint): readonly string[] {
  const shownFile = excerpt(file, 200);
  if (results.length === 0) return [`${shownFile}: there are no tests in it`];
  const failed = results.filter(({ problem }) => problem !== null).length;
  return [
    ...results.flatMap(({ name, problem, line, column }) => {
      const shownName = excerpt(name, 200);
      if (problem === null) return [`${paint.good('ok')}   ${shownName}`];
      return [`${paint.bad('FAIL')} ${shownName}`, `     ${shownFile}:${line}:${column}: ${problem}`];
    }),
    `${shownFile}: ${counted(results.length, 'test')}, ${failed === 0 ? 'all passed' : paint.bad(`${failed} failed`)}`,
  ];
}

function asJson({ file, results }: Tested): object {
  const tests = results.map(({ name, problem, line, column }) => ({
    name,
    passed: problem === null,
    line,
    column,
    problem,
  }));
  const failed = results.filter(({ problem }) => problem !== null).length;
  return { file, passed: results.length - failed, failed, tests };
}

import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { ConfigError } from './config.ts';
import type { Environment } from './environment.ts';
import { evaluationDeadlineMs } from './evaluation-deadline.ts';
import { gunicornNames } from './gunicorn-settings.ts';
import { findPython } from './python-interpreter.ts';

/** What `read-gunicorn-config.py` answers, as far as this program has made it itself. */
export type PythonAnswer =
  | { readonly error: string }
  | { readonly settings: readonly PythonSetting[]; readonly others: readonly string[] };

export type PythonSetting = {
  readonly name: string;
  readonly line: number | null;
  readonly value?: unknown;
  /** The type of a value that JSON cannot say. */
  readonly unreadable?: string;
};

export type PythonCode =
  | { readonly kind: 'python-file'; readonly path: string; readonly shown: string }
  | { readonly kind: 'python-module'; readonly module: string; readonly shown: string };

export type PythonSurroundings = {
  readonly environment: Environment;
  readonly workingDirectory: string;
  /** Of `--python`; null: the usual one. */
  readonly python?: string | null;
  /** Another deadline than the usual one. */
  readonly deadlineMs?: number;
};

const script = fileURLToPath(new URL('./read-gunicorn-config.py', import.meta.url));
const maxAnswerBytes = 1024 * 1024;

/**
 * Evaluates a config file of Gunicorn's in a Python process of its own, which ends with it: none of its code stays in the
 * master. What it prints goes to standard error. Throws `ConfigError` if it has no answer.
 */
export async function runPythonConfig(code: PythonCode, surroundings: PythonSurroundings): Promise<PythonAnswer> {
  const { environment, workingDirectory, python = null, deadlineMs = evaluationDeadlineMs } = surroundings;
  const interpreter = await findPython(python, environment, workingDirectory);
  const location = code.kind === 'python-file' ? ['file', code.path] : ['module', code.module];
  const child = spawn(interpreter, [script, ...location, JSON.stringify(gunicornNames)], {
    cwd: workingDirectory,
    env: { ...environment },
    stdio: ['ignore', 2, 2, 'pipe'],
  });
  const { promise, resolve, reject } = settleable<string>();
  const fail = (problem: string): void => reject(new ConfigError(`${code.shown}: ${problem}`));
  const deadline = setTimeout(() => fail(`Python did not finish within ${deadlineMs / 1000} s.`), deadlineMs);
  child.on('error', (error: NodeJS.ErrnoException) => {
    fail(
      error.code === 'ENOENT'
        ? `this config file is Python, and there is no ${interpreter} to evaluate it. Install Python 3.9 or newer, or write a portcullis.config.yaml.`
        : `${interpreter} could not be started: ${error.message}.`,
    );
  });
  // With `close` everything it has written was received.
  child.on('close', (status, signal) => fail(`Python ended with ${signal ?? `status ${status}`} and no answer.`));
  const pipe = child.stdio[3];
  if (pipe instanceof Readable) readLine(pipe, resolve, () => fail('it says more than any config file should.'));
  try {
    const answer = parsedAnswer(await promise);
    if (answer === undefined)
      throw new ConfigError(`${code.shown}: something else than our script wrote to descriptor 3.`);
    return answer;
  } finally {
    clearTimeout(deadline);
    child.kill('SIGKILL');
    if (pipe instanceof Readable) pipe.destroy();
  }
}

/** Our own script wrote it, unless the config file or a library of its did. */
function parsedAnswer(line: string): PythonAnswer | undefined {
  try {
    const answer = JSON.parse(line) as Partial<Record<'error' | 'settings' | 'others', unknown>> | null;
    const isOurs =
      typeof answer?.error === 'string' || (Array.isArray(answer?.settings) && Array.isArray(answer.others));
    return isOurs ? (answer as PythonAnswer) : undefined;
  } catch {
    return undefined;
  }
}

/** The first line; a process that the config file started may hold the pipe open for ever. */
function readLine(pipe: Readable, found: (line: string) => void, tooLong: () => void): void {
  let text = '';
  pipe.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
    const end = text.indexOf('\n');
    if (end !== -1) found(text.slice(0, end));
    else if (text.length > maxAnswerBytes) tooLong();
  });
  pipe.on('error', () => {});
}

/** `Promise.withResolvers`, which Node 20 lacks. */
function settleable<Value>() {
  let resolve: (value: Value) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<Value>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

import { execFile } from 'node:child_process';
import type { Environment } from './environment.ts';

export const oldestPython = '3.9';
const [oldestMajor = 0, oldestMinor = 0] = oldestPython.split('.').map(Number);
/** A Python that only says its version takes about 20 ms; a machine that is busy starting everything at once needs longer. */
const answerMs = 30_000;
/** In words that every Python since 1.5 understands; without `site`, so that nothing of the application's runs. */
const question = ['-E', '-S', '-c', 'import sys; print("%d.%d" % sys.version_info[:2])'];

/** `3.11`; null: it cannot be started, or does not answer as a Python does. */
export function pythonVersion(interpreter: string, env: Environment, cwd: string): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(interpreter, question, { cwd, env: { ...env }, timeout: answerMs }, (error, answer) => {
      resolve(error === null && /^\d+\.\d+\s*$/.test(answer) ? answer.trim() : null);
    });
  });
}

export function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}

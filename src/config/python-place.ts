import { pathIn } from '../policy/load.ts';
import { ConfigError } from './config.ts';
import type { Environment } from './environment.ts';
import type { GivenSettings } from './precedence.ts';
import { findPython, isThere } from './python-interpreter.ts';

/** Which Python runs the application, and where it looks for modules first. */
export type PythonPlace = {
  /** A path, or a command of the PATH. */
  readonly interpreter: string;
  /** Absolute. */
  readonly pythonPath: readonly string[];
};

/** DESIGN 7: a worker could not boot. */
const exitWorkerBoot = 3;

/** The file or folder that `--python` names; a name without a slash is a command. */
export function parsePython(text: string, origin: string): string {
  if (text !== '' && !text.includes('\0')) return text;
  throw new ConfigError(`${origin}: ${JSON.stringify(text)} is no file, folder or command.`);
}

/** As Gunicorn has it: `/srv/lib,/srv/vendor`. */
export function parsePythonPath(text: string, origin: string): readonly string[] {
  const directories = text.split(',').map((directory) => directory.trim());
  if (!directories.includes('') && !text.includes('\0')) return directories;
  throw new ConfigError(`${origin}: ${JSON.stringify(text)} is no list of directories, as in lib,vendor.`);
}

/** Throws `ConfigError` where there is no such Python. How old it is, it says itself when it starts. */
export async function pythonPlace(
  { python, pythonpath }: GivenSettings,
  environment: Environment,
  directory: string,
): Promise<PythonPlace> {
  const interpreter = await findPython(python?.value ?? null, environment, directory);
  if (!(await isThere(interpreter, environment))) {
    const problem =
      python === undefined
        ? `there is no ${interpreter} on the PATH and no virtual environment (VIRTUAL_ENV, .venv): a Python application needs Python 3.9 or newer. --python names one.`
        : `${python.origin}: there is no Python at ${interpreter}.`;
    throw new ConfigError(problem, exitWorkerBoot);
  }
  return { interpreter, pythonPath: (pythonpath?.value ?? []).map((folder) => pathIn(directory, folder)) };
}

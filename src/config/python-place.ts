import { pathIn } from '../policy/load.ts';
import { ConfigError } from './config.ts';
import type { Environment } from './environment.ts';
import type { GivenSettings } from './precedence.ts';
import { findPython, isThere } from './python-interpreter.ts';
import { isNewEnough, oldestPython, pythonVersion } from './python-version.ts';

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

/** Throws `ConfigError` where there is no such Python, or where it is too old. */
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
  await refuseOldPython(interpreter, python?.origin ?? 'the application is Python', environment, directory);
  return { interpreter, pythonPath: (pythonpath?.value ?? []).map((folder) => pathIn(directory, folder)) };
}

/** An old one would say `SyntaxError` about a file of ours. */
async function refuseOldPython(
  interpreter: string,
  origin: string,
  environment: Environment,
  directory: string,
): Promise<void> {
  const version = await pythonVersion(interpreter, environment, directory);
  if (version === null) {
    throw new ConfigError(`${origin}: ${interpreter} does not answer as a Python does.`, exitWorkerBoot);
  }
  if (isNewEnough(version)) return;
  const problem = `${interpreter} is Python ${version}, and workers need ${oldestPython} or newer; --python names another one.`;
  throw new ConfigError(`${origin}: ${problem}`, exitWorkerBoot);
}

import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import type { Environment } from './environment.ts';

/**
 * The Python that is meant: a file, a virtual environment or a command where one is `named`; else that of the active virtual
 * environment, of `.venv` in the working directory, or of the PATH. A path, or a command that may not exist.
 */
export async function findPython(
  named: string | null,
  environment: Environment,
  workingDirectory: string,
): Promise<string> {
  if (named !== null) return namedPython(named, workingDirectory);
  const folders = [environment['VIRTUAL_ENV'], '.venv'].filter((folder) => folder !== undefined && folder !== '');
  for (const folder of folders) {
    const python = resolve(workingDirectory, folder ?? '', 'bin/python');
    if (await isExecutable(python)) return python;
  }
  return 'python3';
}

async function namedPython(named: string, workingDirectory: string): Promise<string> {
  const path = resolve(workingDirectory, named);
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isFolder) return join(path, 'bin/python');
  return named.includes('/') ? path : named;
}

/** Whether there is such a file, or such a command on the PATH. */
export async function isThere(python: string, environment: Environment): Promise<boolean> {
  if (python.includes('/')) return isExecutable(python);
  for (const folder of (environment['PATH'] ?? '').split(delimiter)) {
    if (folder !== '' && (await isExecutable(join(folder, python)))) return true;
  }
  return false;
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

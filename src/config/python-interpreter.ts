import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Environment } from './environment.ts';

/** The Python that a config file belongs to: of the active virtual environment, of `.venv` beside it, or of the PATH. */
export async function findPython(environment: Environment, workingDirectory: string): Promise<string> {
  const folders = [environment['VIRTUAL_ENV'], '.venv'].filter((folder) => folder !== undefined && folder !== '');
  for (const folder of folders) {
    const python = resolve(workingDirectory, folder ?? '', 'bin/python');
    if (await isExecutable(python)) return python;
  }
  return 'python3';
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

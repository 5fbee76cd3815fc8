import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type BindAddress, parseBindAddress } from './bind-address.ts';
import { ConfigError } from './config.ts';
import type { GivenSettings } from './precedence.ts';
import { defaultsOfSettings } from './setting-defaults.ts';

/** `--chdir`, for the application and for paths; the master stays where it is, so that a reload starts from the same place. */
export function directoryOf({ chdir }: GivenSettings, workingDirectory: string): string {
  if (chdir === undefined) return workingDirectory;
  const directory = resolve(workingDirectory, chdir.value);
  if (isDirectory(directory)) return directory;
  throw new ConfigError(`${chdir.origin}: there is no directory ${JSON.stringify(chdir.value)}.`);
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** Paths of Unix sockets start in the application's directory; the master binds them from its own. */
export function bindsFrom(given: GivenSettings, directory: string, workingDirectory: string): readonly BindAddress[] {
  const binds = given.bind?.value ?? defaultsOfSettings.bind;
  if (directory === workingDirectory) return binds;
  return binds.map((address) =>
    address.kind === 'unix'
      ? parseBindAddress(`unix:${resolve(directory, address.path)}`, given.bind?.origin ?? '')
      : address,
  );
}

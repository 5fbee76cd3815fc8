import { resolve } from 'node:path';
import type { GivenSettings } from './precedence.ts';
import { defaultsOfSettings } from './setting-defaults.ts';

/** Where `portcullis ctl` reaches the server: `default` is a directory of this user's, with the pid as the name. */
export type ControlSocketPlace = 'default' | 'off' | { readonly path: string };

/** `--control-socket` takes a path or `off`, and Gunicorn has a flag of its own for the second. */
export function controlSocketFrom(given: GivenSettings, directory: string): ControlSocketPlace {
  const isDisabled = given.controlSocketDisable?.value ?? defaultsOfSettings.controlSocketDisable;
  const place = given.controlSocket?.value ?? defaultsOfSettings.controlSocket;
  if (isDisabled || place === 'off') return 'off';
  return place === null ? 'default' : { path: resolve(directory, place) };
}

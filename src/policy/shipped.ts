import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The same from `src/policy` and from `dist/policy`. */
const folder = fileURLToPath(new URL('../../policies/', import.meta.url));

/** What every chain of policies ends with. */
export const defaultName = 'default';

/** The policies that come with this program, by the names that `extends` has for them; `default` first. */
export function shippedNames(): readonly string[] {
  // policy.schema.json has a dot too many.
  const names = readdirSync(folder).flatMap((file) => /^([a-z][a-z0-9-]*)\.json$/.exec(file)?.[1] ?? []);
  return [defaultName, ...names.filter((name) => name !== defaultName).sort()];
}

export function shippedPath(name: string): string {
  return `${folder}${name}.json`;
}

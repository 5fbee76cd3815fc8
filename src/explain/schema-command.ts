import { readFileSync } from 'node:fs';
import { type Answer, exitOk } from './answer.ts';

/** The same from `src/explain` and from `dist/explain`. */
const schemaUrl = new URL('../../policies/policy.schema.json', import.meta.url);

/** The JSON schema of policy files, as it is shipped. */
export function schemaCommand(): Answer {
  return { text: readFileSync(schemaUrl, 'utf8'), complaint: '', exitCode: exitOk };
}

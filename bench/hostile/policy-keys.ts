import { execFileSync } from 'node:child_process';

type Schema = {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly $defs?: Readonly<Record<string, Schema>>;
};

/**
 * Answers whether a program's policies have a key, written as `timeouts.contentMinRate`. A row of the table that needs a
 * key is left out, with a note, where a build does not have it: two builds can be compared, and no list here goes stale.
 */
export function policyKeys(program: string): (key: string) => boolean {
  const text = execFileSync(process.execPath, [program, 'policy', 'schema'], { encoding: 'utf8' });
  const schema = JSON.parse(text) as Schema;
  return (key) => {
    let at: Schema | undefined = schema;
    for (const name of key.split('.')) at = resolved(schema, at)?.properties?.[name];
    return at !== undefined;
  };
}

function resolved(schema: Schema, at: Schema | undefined): Schema | undefined {
  const name = at?.$ref?.replace('#/$defs/', '');
  return name === undefined ? at : schema.$defs?.[name];
}

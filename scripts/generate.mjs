// Writes what is generated from policies/policy.schema.json and committed: the compiled validator and the types.
// With --check nothing is written; exit status 1 names each file that is not what this would write.
import { readFileSync, writeFileSync } from 'node:fs';
import { generatePolicyFile } from './generate-policy-file.mjs';
import { generatePolicyValidator } from './generate-policy-validator.mjs';

const root = new URL('..', import.meta.url);
const schema = JSON.parse(readFileSync(new URL('policies/policy.schema.json', root), 'utf8'));
const generated = {
  'src/policy/policy-file.generated.ts': generatePolicyFile(schema),
  'src/policy/policy-validator.generated.ts': await generatePolicyValidator(schema),
};

for (const [path, text] of Object.entries(generated)) {
  const file = new URL(path, root);
  if (!process.argv.includes('--check')) {
    writeFileSync(file, text);
  } else if (readFileSync(file, 'utf8') !== text) {
    console.error(`${path} is stale: run "node scripts/generate.mjs"`);
    process.exitCode = 1;
  }
}

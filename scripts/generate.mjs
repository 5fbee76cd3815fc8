// Writes what is generated and committed: from policies/policy.schema.json the compiled validator and the types, from the
// catalogue of rules its page. Reads TypeScript: `npm run generate`.
// With --check nothing is written; exit status 1 names each file that is not what this would write.
import { readFileSync, writeFileSync } from 'node:fs';
import { catalogue } from '../src/rejection/catalogue.ts';
import { rules } from '../src/rejection/rules.ts';
import { generatePolicyFile } from './generate-policy-file.mjs';
import { generatePolicyValidator } from './generate-policy-validator.mjs';
import { generateRulesPage } from './generate-rules-page.mjs';

const root = new URL('..', import.meta.url);
const schema = JSON.parse(readFileSync(new URL('policies/policy.schema.json', root), 'utf8'));
const generated = {
  'src/policy/policy-file.generated.ts': generatePolicyFile(schema),
  'src/policy/policy-validator.generated.ts': await generatePolicyValidator(schema),
  'docs/rules.md': generateRulesPage(rules, catalogue),
};

for (const [path, text] of Object.entries(generated)) {
  const file = new URL(path, root);
  if (!process.argv.includes('--check')) {
    writeFileSync(file, text);
  } else if (readFileSync(file, 'utf8') !== text) {
    console.error(`${path} is stale: run "npm run generate"`);
    process.exitCode = 1;
  }
}

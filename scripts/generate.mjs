// Writes what is generated and committed: from policies/policy.schema.json the compiled validator and the types, from the
// catalogue of rules its page, from both the manual of the policy language, and from the table of Gunicorn's settings the page
// for who comes from there. Reads TypeScript: `npm run generate`.
// With --check nothing is written; exit status 1 names each file that is not what this would write.
import { readFileSync, writeFileSync } from 'node:fs';
import { gunicornSettings } from '../src/config/gunicorn-settings.ts';
import { longFlag } from '../src/config/settings.ts';
import { shippedNames } from '../src/policy/shipped.ts';
import { catalogue } from '../src/rejection/catalogue.ts';
import { isObservable, rules, whyEnforced } from '../src/rejection/rules.ts';
import { generateGunicornPage } from './generate-gunicorn-page.mjs';
import { generatePolicyFile } from './generate-policy-file.mjs';
import { generatePolicyPage } from './generate-policy-page.mjs';
import { generatePolicyValidator } from './generate-policy-validator.mjs';
import { generateRulesPage } from './generate-rules-page.mjs';

const root = new URL('..', import.meta.url);
const textOf = (path) => readFileSync(new URL(path, root), 'utf8');
const schema = JSON.parse(textOf('policies/policy.schema.json'));
const introduction = textOf('scripts/policy-introduction.md');
const policies = Object.fromEntries(shippedNames().map((name) => [name, textOf(`policies/${name}.json`)]));
const generated = {
  'src/policy/policy-file.generated.ts': generatePolicyFile(schema),
  'src/policy/policy-validator.generated.ts': await generatePolicyValidator(schema),
  'docs/from-gunicorn.md': generateGunicornPage({
    introduction: textOf('scripts/gunicorn-introduction.md'),
    settings: gunicornSettings,
    longFlag,
    cases: JSON.parse(textOf('test/end-to-end/gunicorn.cases.json')),
  }),
  'docs/policy.md': generatePolicyPage({ introduction, schema, rules, isObservable, whyEnforced, policies }),
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

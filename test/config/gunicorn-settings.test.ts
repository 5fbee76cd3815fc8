import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { ConfigError } from '../../src/config/config.ts';
import { parseCommandLine } from '../../src/config/flags.ts';
import {
  type Fate,
  type GunicornSetting,
  gunicornNames,
  gunicornSettings,
  problemOf,
} from '../../src/config/gunicorn-settings.ts';
import { longFlag, settings } from '../../src/config/settings.ts';

function refusal(argv: readonly string[]): string {
  try {
    parseCommandLine(argv, '0');
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  throw new assert.AssertionError({ message: `${argv.join(' ')} was accepted` });
}

const table: Readonly<Record<string, GunicornSetting>> = gunicornSettings;
const refused = Object.values(table).flatMap(({ flags, fate, default: inactive }) =>
  // What asks for nothing more than happens anyway is accepted.
  inactive === true ? [] : flags.map((flag) => ({ flag, fate })),
);

describe("Gunicorn's flags", () => {
  for (const { flag, fate } of refused) {
    const [names = '', value] = flag.split(/ (?=[<[])/);
    for (const name of names.split(', ')) {
      const given =
        value?.startsWith('<') === true
          ? [[name, 'x'], name.startsWith('--') ? [`${name}=x`] : [`${name}x`]]
          : [[name]];
      for (const words of given) {
        it(`say what to do instead of ${words.join(' ')}`, () => {
          const message = refusal([...words, 'app.js']);
          assert.ok(message.endsWith(`: ${problemOf(fate)}.`), message);
          assert.doesNotMatch(message, /unknown option/);
        });
      }
    }
  }

  it('are all answered at once', () => {
    const lines = refusal(['--spew', '--threads', '4', '--certfile', 'x', 'app.js']).split('\n');
    assert.deepEqual(
      lines.map((line) => line.split(':')[0]),
      ['flag --spew', 'flag --threads', 'flag --certfile'],
    );
  });

  it('are not listed by --help, and are no suggestions', () => {
    const help = parseCommandLine(['--help'], '0');
    assert.ok(help.type === 'print' && !help.text.includes('--threads'));
    assert.doesNotMatch(refusal(['--thread', '4']), /--threads/);
  });
});

describe("Gunicorn's settings", () => {
  it('each have a line in docs/settings.md that says what becomes of them', () => {
    const page = readFileSync(new URL('../../docs/settings.md', import.meta.url), 'utf8');
    const listed = page.split('\n').filter((line) => /^\| `[a-z_0-9]+` \|/.test(line));
    assert.deepEqual(
      listed,
      gunicornNames.map((name) => `| \`${name}\` | ${inDocs(gunicornSettings[name].fate)} |`),
    );
  });

  it('that are ours go to one that takes a value', () => {
    for (const { fate } of Object.values(table)) if (fate.type === 'ours') assert.ok(fate.name in settings, fate.name);
  });
});

function inDocs(fate: Fate): string {
  if (fate.type === 'ours') return `\`${fate.name}\`, \`${longFlag(fate.name)}\``;
  if (fate.type === 'app') return '`app`, the argument APP';
  return problemOf(fate) ?? '';
}

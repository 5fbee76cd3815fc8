import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
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
  warningOf,
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
const flagsWithFate = Object.values(table).flatMap(({ flags, fate, default: inactive }) =>
  // What asks for nothing more than happens anyway is accepted.
  inactive === true ? [] : flags.map((flag) => ({ flag, fate })),
);
const refused = flagsWithFate.filter(({ fate }) => warningOf(fate) === undefined);
const ignored = flagsWithFate.filter(({ fate }) => warningOf(fate) !== undefined);

/** The flag as people write it: with a value where it takes one. */
function spellings(flag: string): readonly (readonly string[])[] {
  const [names = '', value] = flag.split(/ (?=[<[])/);
  return names.split(', ').flatMap((name) => {
    if (value?.startsWith('<') !== true) return [[name]];
    return [[name, 'x'], name.startsWith('--') ? [`${name}=x`] : [`${name}x`]];
  });
}

describe("Gunicorn's flags", () => {
  for (const { flag, fate } of refused) {
    for (const words of spellings(flag)) {
      it(`say what to do instead of ${words.join(' ')}`, () => {
        const message = refusal([...words, 'app.js']);
        assert.ok(message.endsWith(`: ${problemOf(fate)}.`), message);
        assert.doesNotMatch(message, /unknown option/);
      });
    }
  }

  for (const { flag, fate } of ignored) {
    for (const words of spellings(flag)) {
      it(`are accepted with one warning where they have no effect: ${words.join(' ')}`, () => {
        const read = parseCommandLine([...words, ...words, 'app.js'], '0');
        assert.ok(read.type === 'run');
        assert.equal(read.app, 'app.js');
        const name = /--[a-z-]+/.exec(flag)?.[0];
        assert.deepEqual(read.warnings, [`flag ${name}: ${warningOf(fate)}.`]);
      });
    }
  }

  it('with the value that Gunicorn has anyway need no warning', () => {
    const words = ['--forwarded-allow-ips', '127.0.0.1,::1', '--http-parser=auto', '--suppress-ragged-eofs'];
    const read = parseCommandLine([...words, 'app.js'], '0');
    assert.deepEqual(read.type === 'run' && read.warnings, []);
  });

  it('are all answered at once', () => {
    const lines = refusal(['--spew', '--keyfile', 'x', '--paste', 'y', '--dirty-app', 'z', 'app.js']).split('\n');
    assert.deepEqual(
      lines.map((line) => line.split(':')[0]),
      ['flag --spew', 'flag --keyfile', 'flag --paste', 'flag --dirty-app'],
    );
  });

  it('are not listed by --help, and are no suggestions', () => {
    const help = parseCommandLine(['--help'], '0');
    assert.ok(help.type === 'print' && !help.text.includes('--spew'));
    assert.doesNotMatch(refusal(['--spe', '4']), /--spew/);
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

  it("are in docs/from-gunicorn.md, each in Gunicorn's own section, and all that Debian's Gunicorn has", () => {
    const page = readFileSync(new URL('../../docs/from-gunicorn.md', import.meta.url), 'utf8');
    const [, ...parts] = page.split(/^### /m);
    const listed = new Map(
      parts.flatMap((part) => {
        const section = part.slice(0, part.indexOf('\n'));
        return [...part.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => [name, section] as const);
      }),
    );
    assert.deepEqual([...listed.keys()].sort(), [...gunicornNames].sort());
    const program =
      'import json, gunicorn.config as c; print(json.dumps([[s.name, s.section] for s in c.KNOWN_SETTINGS]))';
    const theirs = JSON.parse(execFileSync('/usr/bin/python3', ['-c', program], { encoding: 'utf8' })) as [
      string,
      string,
    ][];
    assert.deepEqual(
      theirs.map(([name]) => [name, listed.get(name)]),
      theirs,
    );
  });

  it('that are ours go to one that takes a value', () => {
    for (const { fate } of Object.values(table)) if (fate.type === 'ours') assert.ok(fate.name in settings, fate.name);
  });
});

function inDocs(fate: Fate): string {
  if (fate.type === 'ours') return `\`${fate.name}\`, \`${longFlag(fate.name)}\``;
  if (fate.type === 'app') return '`app`, the argument APP';
  if (fate.type === 'hook') return 'a function of a config file that is a module: [hooks.md](hooks.md)';
  return problemOf(fate) ?? warningOf(fate) ?? '';
}

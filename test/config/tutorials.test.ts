import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { BindAddress } from '../../src/config/bind-address.ts';
import { parseCommandLine } from '../../src/config/flags.ts';
import { loadConfigFile } from '../../src/config/load-config-file.ts';
import { mergeSettings, type SettingsLayer } from '../../src/config/precedence.ts';
import { longFlag } from '../../src/config/settings.ts';
import { shellWords } from '../../src/config/shell-words.ts';
import { appName } from '../../src/worker/app-target.ts';
import { ConfigFolder } from './config-folder.ts';

/**
 * What ordinary Gunicorn tutorials tell people to write, and what each of it says here.
 */
type Case = {
  readonly source: string;
  readonly form: keyof typeof wordsIn;
  readonly text: string;
  readonly says: Readonly<Record<string, unknown>>;
  /** Flags that are accepted without an effect. */
  readonly ignored?: readonly string[];
  readonly app: string;
};

type Cases = {
  readonly commandLines: readonly Case[];
  readonly workerClasses: readonly (Omit<Case, 'says' | 'app'> & {
    readonly class: string;
    readonly refused?: string;
  })[];
  /** By flag: what it is given, unread. */
  readonly later: readonly Case[];
  readonly configFiles: readonly (Omit<Case, 'form' | 'app' | 'ignored'> & { readonly warned?: readonly string[] })[];
};

const cases = JSON.parse(readFileSync(new URL('./tutorials.cases.json', import.meta.url), 'utf8')) as Cases;

/** A Python is looked for, and nothing else. */
const environment = { PATH: process.env['PATH'] ?? '' };

/** The words of the command, the program's own name left out, by what it stands in. */
const wordsIn = {
  shell: (text: string) => shellWords(text, 'the tutorial').slice(1),
  procfile: (text: string) => wordsIn.shell(text.replace(/^web: /, '')),
  systemd: (text: string) => wordsIn.shell(/^ExecStart=(.*)$/m.exec(text.replaceAll('\\\n', ' '))?.[1] ?? ''),
  supervisor: (text: string) => wordsIn.shell(/^command=(.*)$/m.exec(text)?.[1] ?? ''),
  docker: (text: string) => (JSON.parse(text.replace(/^CMD /, '')) as readonly string[]).slice(1),
} as const;

function read(form: Case['form'], text: string) {
  const commandLine = parseCommandLine(wordsIn[form](text), '0');
  if (commandLine.type !== 'run') throw new assert.AssertionError({ message: `${text} prints something` });
  return commandLine;
}

/** Each setting that is given, with its value as the server reads it. */
function valuesOf(layer: SettingsLayer): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(mergeSettings([layer])).map(([name, { value }]) => [
      name,
      name === 'bind' ? (value as readonly BindAddress[]).map(inWords) : value,
    ]),
  );
}

function inWords(address: BindAddress): string {
  if (address.kind === 'unix') return `unix ${address.path}`;
  return address.kind === 'tcp' ? `tcp ${address.host} ${address.port}` : `fd ${address.descriptor}`;
}

describe('a command line of a tutorial', () => {
  for (const { source, form, text, says, ignored = [], app } of cases.commandLines) {
    it(`is understood: ${wordsIn[form](text).join(' ')} (${source}, ${form})`, () => {
      const commandLine = read(form, text);
      assert.deepEqual(valuesOf(commandLine.given), says);
      assert.equal(commandLine.app, app);
      const warned = commandLine.warnings.map((warning) => /^flag (--[a-z-]+): accepted/.exec(warning)?.[1]);
      assert.deepEqual(warned, ignored);
    });
  }

  it('is accepted whole', async () => {
    const folder = new ConfigFolder({ 'gunicorn.conf.py': '', 'config.py': '' });
    mkdirSync(join(folder.path, 'project'));
    for (const { form, text, app } of cases.commandLines) {
      const words = wordsIn[form](text).map((word) => word.replace('/path/to/', ''));
      const config = await folder.config(words.join(' '), environment);
      assert.equal(appName(config.app), app.includes(':') ? app : `${app}:application`, text);
    }
  });
});

describe('a worker class of a tutorial', () => {
  for (const { source, form, text, class: workerClass, refused } of cases.workerClasses) {
    it(`is known: ${text} (${source})`, async () => {
      const folder = new ConfigFolder({ 'config.py': '' });
      const line = wordsIn[form](text).join(' ');
      if (refused === undefined) assert.equal((await folder.config(line, environment)).workerClass, workerClass);
      else assert.ok((await folder.refusal(line, environment)).startsWith(refused));
    });
  }
});

describe('a config file of a tutorial', () => {
  for (const { source, text, says, warned = [] } of cases.configFiles) {
    it(`is understood (${source})`, async () => {
      const folder = new ConfigFolder({ 'gunicorn.conf.py': text });
      const surroundings = { environment: process.env, workingDirectory: folder.path };
      const { settings, warnings, workerHooks } = await loadConfigFile(undefined, surroundings);
      const values = valuesOf(settings);
      for (const [name, value] of Object.entries(says)) assert.deepEqual(values[name], value, name);
      assert.deepEqual(
        warnings.map((warning) => /^gunicorn\.conf\.py:\d+: ([a-z_]+): /.exec(warning)?.[1]),
        warned,
      );
      assert.deepEqual(workerHooks, []);
    });
  }
});

describe('a command line of a tutorial, with logs and processes', () => {
  for (const { source, form, text, says, app } of cases.later) {
    it(`is understood: ${wordsIn[form](text).join(' ')} (${source}, ${form})`, () => {
      const commandLine = read(form, text);
      assert.equal(commandLine.app, app);
      const given = [...commandLine.given].map(([name, { texts }]) => [longFlag(name), texts]);
      assert.deepEqual(Object.fromEntries(given), says);
    });
  }
});

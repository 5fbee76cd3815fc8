import { ConfigError } from './config.ts';
import type { Environment } from './environment.ts';
import { parseCommandLine } from './flags.ts';
import type { SettingsLayer } from './precedence.ts';
import { shellWords } from './shell-words.ts';

const variable = 'GUNICORN_CMD_ARGS';
const origin = `environment ${variable}`;

export type CommandArguments = {
  readonly given: SettingsLayer;
  readonly checkOnly: boolean;
  readonly printConfig: boolean;
  readonly warnings: readonly string[];
};

/** Gunicorn's variable with flags in it. As in Gunicorn they go before a config file, and an application in it does not count. */
export function gunicornCommandArguments(environment: Environment, version: string): CommandArguments {
  const commandLine = parse(shellWords(environment[variable] ?? '', origin), version);
  // Help and version are for whoever sits before a terminal.
  if (commandLine.type === 'print') return { given: new Map(), checkOnly: false, printConfig: false, warnings: [] };
  const given = [...commandLine.given].map(
    ([name, texts]) => [name, { texts: texts.texts, origin, label: `${origin}: ${texts.label}` }] as const,
  );
  const warnings = commandLine.warnings.map((warning) => `${origin}: ${warning}`);
  return { ...commandLine, given: new Map(given), warnings };
}

function parse(words: readonly string[], version: string): ReturnType<typeof parseCommandLine> {
  try {
    return parseCommandLine(words, version);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(`${origin}: ${error.message}`);
  }
}

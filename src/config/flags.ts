import { type Command, Option } from 'commander';
import { QuietCommand } from '../command-line/quiet-command.ts';
import { ConfigError } from './config.ts';
import {
  type GunicornSetting,
  gunicornNames,
  gunicornSettings,
  isGunicornDefault,
  problemOf,
  warningOf,
} from './gunicorn-settings.ts';
import type { GivenTexts, SettingsLayer } from './precedence.ts';
import { isSwitch, longFlag, type SettingName, settingNames, settingOf } from './settings.ts';

/** What stands on the command line, unread. */
export type CommandLine =
  | { readonly type: 'print'; readonly text: string }
  | {
      readonly type: 'run';
      readonly app: string | undefined;
      readonly given: SettingsLayer;
      readonly checkOnly: boolean;
      readonly printConfig: boolean;
      /** Of flags that are accepted and have no effect. */
      readonly warnings: readonly string[];
    };

const otherCommands = `
Instead of APP:
  ctl status|reload|stop|...             asks a server that runs, or tells it what to do; portcullis ctl --help
  policy check|test|explain|diff|schema  questions to a policy; portcullis policy --help
  import FILE                            a Gunicorn config as a config and a policy; portcullis import --help`;

/**
 * Splits `argv` (without the program's name). Throws `ConfigError`, with the nearest flag for an unknown one and a sentence for
 * one that only Gunicorn has.
 */
export function parseCommandLine(argv: readonly string[], version: string): CommandLine {
  const given = new Map<SettingName, GivenTexts>();
  const refused: string[] = [];
  const warnings: string[] = [];
  const quiet = new QuietCommand('portcullis');
  const command = quiet.command
    .usage('[flags] APP')
    .description('Serves APP (path/to/module.js or path/to/module.js:name) safely on the public internet.')
    .argument('[APP]', 'the application')
    .addHelpText('after', otherCommands)
    .configureHelp({ helpWidth: 110, showGlobalOptions: false, visibleArguments: () => [] });
  for (const name of settingNames) declare(command, name, given);
  for (const name of gunicornNames) declareGunicorns(command, gunicornSettings[name], refused, warnings);
  command.optionsGroup('Other:');
  command.option('--check-config', 'load the policy and the application, then exit');
  command.option('--print-config', 'print every setting with its value and where it came from, then exit');
  command.version(`portcullis ${version}`, '-v, --version', 'print the version');
  command.helpOption('-h, --help', 'print this help');
  const outcome = quiet.parse(argv);
  if (outcome.type === 'print') return outcome;
  if (outcome.type === 'mistake') throw new ConfigError(`${outcome.problem} portcullis --help lists the flags.`);
  if (refused.length > 0) throw new ConfigError(refused.join('\n'));
  const { checkConfig, printConfig } = command.opts();
  return {
    type: 'run',
    app: command.args[0],
    given,
    checkOnly: checkConfig === true,
    printConfig: printConfig === true,
    warnings: [...new Set(warnings)],
  };
}

function declare(command: Command, name: SettingName, given: Map<SettingName, GivenTexts>): void {
  const { flags, group, about, alias, repeatable } = settingOf(name);
  const origin = `flag ${longFlag(name)}`;
  const take = (text: string): string => {
    const earlier = repeatable === true ? (given.get(name)?.texts ?? []) : [];
    given.set(name, { texts: [...earlier, text], origin, label: origin });
    return text;
  };
  command.optionsGroup(`${group}:`);
  const option = new Option(flags, about);
  if (isSwitch(name)) command.addOption(option).on(`option:${option.name()}`, () => void take('1'));
  else command.addOption(option.argParser(take));
  if (alias !== undefined) command.addOption(new Option(alias, longFlag(name)).argParser(take).hideHelp());
}

/** Flags of Gunicorn that are none of ours: known, so that they take their value with them and get an answer. */
function declareGunicorns(command: Command, setting: GunicornSetting, refused: string[], warnings: string[]): void {
  for (const flags of setting.flags) {
    const option = new Option(flags).hideHelp();
    command.addOption(option);
    command.on(`option:${option.name()}`, (text: string | null) => {
      if (isGunicornDefault(setting, text ?? true)) return;
      const warning = warningOf(setting.fate);
      if (warning === undefined) refused.push(`flag ${option.long ?? flags}: ${problemOf(setting.fate)}.`);
      else warnings.push(`flag ${option.long ?? flags}: ${warning}.`);
    });
  }
}

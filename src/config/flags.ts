import { Command, CommanderError, Option } from 'commander';
import { ConfigError } from './config.ts';
import { isSwitch, longFlag, type Setting, type SettingName, settingNames, settings } from './settings.ts';

/** What stands on the command line, unread: texts by setting, each with the flag that gave it. */
export type CommandLine =
  | { readonly type: 'print'; readonly text: string }
  | {
      readonly type: 'run';
      readonly app: string | undefined;
      readonly given: ReadonlyMap<SettingName, readonly string[]>;
      readonly checkOnly: boolean;
    };

/** Splits `argv` (without the program's name). Throws `ConfigError`, with the nearest flag for an unknown one. */
export function parseCommandLine(argv: readonly string[], version: string): CommandLine {
  const given = new Map<SettingName, readonly string[]>();
  let printed = '';
  let complaint = '';
  const command = new Command('portcullis')
    .usage('[flags] APP')
    .description('Serves APP (path/to/module.js or path/to/module.js:name) safely on the public internet.')
    .argument('[APP]', 'the application')
    .configureHelp({ helpWidth: 110, showGlobalOptions: false, visibleArguments: () => [] })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        printed += text;
      },
      writeErr: (text) => {
        complaint += text;
      },
    });
  for (const name of settingNames) declare(command, name, given);
  command.optionsGroup('Other:');
  command.option('--check-config', 'load the policy and the application, then exit');
  command.version(`portcullis ${version}`, '--version', 'print the version');
  command.helpOption('-h, --help', 'print this help');
  try {
    command.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { type: 'print', text: printed };
    throw new ConfigError(asParagraph(complaint));
  }
  for (const name of settingNames) if (isSwitch(name) && command.opts()[name] === true) given.set(name, ['1']);
  return { type: 'run', app: command.args[0], given, checkOnly: command.opts()['checkConfig'] === true };
}

function declare(command: Command, name: SettingName, given: Map<SettingName, readonly string[]>): void {
  const setting: Setting<unknown> = settings[name];
  const take = (text: string): string => {
    given.set(name, setting.repeatable === true ? [...(given.get(name) ?? []), text] : [text]);
    return text;
  };
  command.optionsGroup(`${setting.group}:`);
  command.addOption(new Option(setting.flags, setting.about).argParser(take));
  if (setting.alias !== undefined)
    command.addOption(new Option(setting.alias, longFlag(name)).argParser(take).hideHelp());
}

/** Commander writes `error: unknown option '--wrokers'` and its suggestion on a line of its own. */
function asParagraph(complaint: string): string {
  const [problem = '', ...rest] = complaint
    .trim()
    .replace(/^error: /, '')
    .split('\n');
  const suggestion = rest.join(' ').replace(/^\((.*)\)$/, ' $1');
  return `${problem.replace(/\.$/, '')}.${suggestion} portcullis --help lists the flags.`;
}

import { type Command, InvalidArgumentError, Option } from 'commander';
import { QuietCommand } from '../command-line/quiet-command.ts';
import { excerpt } from '../policy/excerpt.ts';
import { readMount } from '../upstream/mount.ts';
import type { CheckOptions } from './check-command.ts';
import type { DiffOptions } from './diff-command.ts';
import { type ExplainOptions, parseFrom } from './explain-command.ts';
import type { TestOptions } from './test-command.ts';
import { UsageError } from './usage-error.ts';

/** What stands behind `portcullis policy`. `colour` is false for `--no-color`. */
export type PolicyCommand = { readonly colour: boolean } & (
  | { readonly type: 'print'; readonly text: string }
  | ({ readonly type: 'check' } & CheckOptions)
  | ({ readonly type: 'test' } & TestOptions)
  | ({ readonly type: 'explain' } & ExplainOptions)
  | ({ readonly type: 'diff' } & DiffOptions)
  | { readonly type: 'schema' }
);

const programName = 'portcullis policy';

/** Reads `argv` behind `policy`. Throws `UsageError`, with the nearest name for an unknown command or flag. */
export function parsePolicyCommand(argv: readonly string[]): PolicyCommand {
  let chosen: PolicyCommand | undefined;
  const choose = (command: PolicyCommand): void => {
    chosen = command;
  };
  const quiet = new QuietCommand(programName);
  const program = quiet.command
    .usage('COMMAND')
    .description('Checks, tests, explains and compares policy files, with the parser and the checks of the server.')
    .configureHelp({ helpWidth: 110, visibleArguments: () => [] })
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false);
  declareCheck(program, choose);
  declareTest(program, choose);
  declareExplain(program, choose);
  declareDiff(program, choose);
  program
    .command('schema')
    .description('print the JSON schema of policy files')
    .action(() => choose({ type: 'schema', colour: true }));
  const outcome = quiet.parse(argv);
  if (outcome.type === 'print') return { type: 'print', colour: true, text: outcome.text };
  if (outcome.type === 'no-command') throw new UsageError(missingCommand(program));
  if (outcome.type === 'mistake') throw new UsageError(`${outcome.problem} ${nameOf(program, argv)} --help says more.`);
  if (chosen === undefined) throw new Error('a command was read and did nothing');
  return chosen;
}

type Choose = (command: PolicyCommand) => void;

function declareCheck(program: Command, choose: Choose): void {
  forPeopleAndMachines(program.command('check'))
    .description('whether a server would start with these files, and what it would warn of; runs the tests in them')
    .usage('[flags] FILE...')
    .argument('<FILE...>', 'policy files, or names of shipped policies')
    .option('--error-on-warnings', 'let warnings fail too')
    .action((files: string[], { json, color, errorOnWarnings = false }) => {
      choose({ type: 'check', colour: color, json: json === true, files, warningsAreErrors: errorOnWarnings });
    });
}

function declareTest(program: Command, choose: Choose): void {
  forPeopleAndMachines(program.command('test'))
    .description('run the tests in policy files')
    .usage('[flags] FILE...')
    .argument('<FILE...>', 'policy files')
    .action((files: string[], { json, color }) => choose({ type: 'test', colour: color, json: json === true, files }));
}

function declareExplain(program: Command, choose: Choose): void {
  forPeopleAndMachines(program.command('explain'))
    .description('what becomes of a request, what decided, which limits hold for it and what an application would get')
    .usage('[flags] REQUEST-FILE|-')
    .argument('<REQUEST-FILE>', 'bytes of requests, or recorded requests; - is standard input')
    .option('-P, --policy <FILE>', 'policy file, or name of a shipped policy (default: default)')
    .addOption(
      new Option('--from <ADDRESS>', 'address of the client (default: 192.0.2.1, or the recorded one)').argParser(
        parseFrom,
      ),
    )
    .addOption(
      new Option('--script-name <PATH>', 'where the application is mounted').argParser((text) => {
        const mount = readMount(text);
        if (mount === undefined)
          throw new UsageError(`--script-name: expected a path such as /app, found "${excerpt(text)}"`);
        return mount;
      }),
    )
    .addOption(new Option('--record <LINE>', 'only the recorded request of this line').argParser(parseLine))
    .option('--crlf', 'read LF as CRLF: for requests that were typed in an editor')
    .action((input: string, options) => {
      const { json, color, policy = null, from = null, scriptName, record = null, crlf = false } = options;
      const mount = scriptName ?? readMount('');
      choose({ type: 'explain', colour: color, json: json === true, input, policy, from, mount, record, crlf });
    });
}

function declareDiff(program: Command, choose: Choose): void {
  forPeopleAndMachines(program.command('diff'))
    .description('what changes in effect from one policy to another')
    .usage('[flags] OLD NEW')
    .argument('<OLD>', 'policy file, or name of a shipped policy')
    .argument('<NEW>', 'policy file, or name of a shipped policy')
    .option('--requests <FILE>', 'recorded requests: which of them change their verdict')
    .action((old: string, now: string, { json, color, requests = null }) => {
      choose({ type: 'diff', colour: color, json: json === true, old, new: now, requests });
    });
}

function forPeopleAndMachines(command: Command): Command {
  return command.option('--json', 'print JSON').option('--no-color', 'print no colours, as with NO_COLOR');
}

function parseLine(text: string): number {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected the number of a line.');
}

function missingCommand(program: Command): string {
  const names = program.commands.map((command) => command.name());
  return `a command is missing: ${programName} ${names.join('|')}. ${programName} --help says more.`;
}

/** Of the command that `argv` names, where there is one. */
function nameOf(program: Command, argv: readonly string[]): string {
  const command = program.commands.find((candidate) => candidate.name() === argv[0]);
  return command === undefined ? programName : `${programName} ${command.name()}`;
}

import { type Command, InvalidArgumentError } from 'commander';
import { QuietCommand } from '../command-line/quiet-command.ts';
import type { Wanted } from './find-server.ts';
import { type ControlRequest, maxBlockSeconds } from './protocol.ts';

/** What stands behind `portcullis ctl`. */
export type ControlCommand =
  | { readonly type: 'print'; readonly text: string }
  | { readonly type: 'mistake'; readonly problem: string }
  | {
      readonly type: 'ask';
      readonly request: ControlRequest;
      readonly wanted: Wanted;
      readonly view: View;
      /** For the outcome; absent: as long as such a command may take. */
      readonly waitSeconds?: number;
    };

/** How the reply is shown. */
export type View = 'status' | 'workers' | 'json' | 'message';

type Flags = {
  readonly socket?: string;
  readonly pid?: number;
  readonly json?: true;
  readonly now?: true;
  readonly wait?: number;
};

type Choose = (request: ControlRequest, view?: View) => void;

export function parseControlCommand(argv: readonly string[]): ControlCommand {
  let chosen: { readonly request: ControlRequest; readonly view: View; readonly flags: Flags } | undefined;
  const quiet = new QuietCommand('portcullis ctl');
  const program = quiet.command
    .usage('[flags] COMMAND')
    .description('Asks a server of this user that runs, or tells it what to do.')
    .option('--socket <PATH>', 'control socket of the server (default: of the only one that runs)')
    .option('--pid <PID>', 'process id of the server', wholeNumber)
    .configureHelp({ helpWidth: 110, visibleArguments: () => [] })
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false);
  const declare = (
    parent: Command,
    name: string,
    about: string,
    act: (choose: Choose, flags: Flags, given: unknown[]) => void,
  ): Command => {
    const command = parent.command(name).description(about);
    command.action((...given: unknown[]) => {
      const flags = command.optsWithGlobals<Flags>();
      act(
        (request, view = 'message') => {
          chosen = { request, view: flags.json === true ? 'json' : view, flags };
        },
        flags,
        given,
      );
    });
    return command;
  };
  declareQuestions(program, declare);
  declareOrders(program, declare);
  const outcome = quiet.parse(argv);
  if (outcome.type === 'print') return outcome;
  const help = 'portcullis ctl --help lists the commands.';
  if (outcome.type === 'mistake') return { type: 'mistake', problem: `${outcome.problem} ${help}` };
  if (chosen === undefined) return { type: 'mistake', problem: `the command is missing. ${help}` };
  const { request, view, flags } = chosen;
  const { socket, pid, wait } = flags;
  const wanted = { ...(socket === undefined ? {} : { socket }), ...(pid === undefined ? {} : { pid }) };
  return { type: 'ask', request, view, wanted, ...(wait === undefined ? {} : { waitSeconds: wait }) };
}

type Declare = (
  parent: Command,
  name: string,
  about: string,
  act: (choose: Choose, flags: Flags, given: unknown[]) => void,
) => Command;

const asJson = ['--json', 'print JSON for programs'] as const;

function declareQuestions(program: Command, declare: Declare): void {
  declare(program, 'status', 'what the server is and what its processes do', (choose) => {
    choose({ command: 'status' }, 'status');
  }).option(...asJson);
  declare(program, 'workers', 'its processes alone', (choose) => choose({ command: 'status' }, 'workers')).option(
    ...asJson,
  );
  const jail = declare(
    program,
    'jail',
    'clients that are blocked; release ADDRESS, block ADDRESS SECONDS',
    (choose) => {
      choose({ command: 'jail' });
    },
  ).option(...asJson);
  declare(jail, 'release', 'let a client in again', (choose, _, [client]) => {
    choose({ command: 'release', client: String(client) });
  }).argument('<ADDRESS>');
  declare(jail, 'block', 'refuse a client for so many seconds', (choose, _, [client, seconds]) => {
    choose({ command: 'block', client: String(client), seconds: Number(seconds) });
  })
    .argument('<ADDRESS>')
    .argument('<SECONDS>', '', blockSeconds);
}

function declareOrders(program: Command, declare: Declare): void {
  const wait = ['--wait <SECONDS>', 'for the outcome at most so long', wholeNumber] as const;
  declare(program, 'reload', 'as the signal HUP; says what has become of it', (choose) => {
    choose({ command: 'reload' });
  }).option(...wait);
  declare(program, 'stop', 'as the signal TERM; ends when the server has', (choose, { now }) => {
    choose({ command: 'stop', now: now === true });
  })
    .option('--now', 'as the signal QUIT: what runs is not finished')
    .option(...wait);
  declare(program, 'add-worker', 'as the signal TTIN', (choose) => choose({ command: 'add-worker' }));
  declare(program, 'remove-worker', 'as the signal TTOU', (choose) => choose({ command: 'remove-worker' }));
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is no whole number.');
}

function blockSeconds(text: string): number {
  const seconds = wholeNumber(text);
  if (seconds <= maxBlockSeconds) return seconds;
  throw new InvalidArgumentError(`It is more than ${maxBlockSeconds}.`);
}

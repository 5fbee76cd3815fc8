import type { Writable } from 'node:stream';
import { type Asked, askServer, ControlError, within } from './ask-server.ts';
import { type ControlCommand, parseControlCommand } from './command-line.ts';
import { type Environment, findServer, SeveralServers } from './find-server.ts';
import { replyText } from './reply-text.ts';

const exitDone = 0;
const exitFailed = 1;
const exitUsage = 2;

/** What a server answers out of its memory. */
const answerSeconds = 10;
/** New workers load the application meanwhile, and have the time of a boot each. */
const reloadSeconds = 120;

export type Terminal = { readonly stdout: Writable; readonly stderr: Writable; readonly environment: Environment };

/** `portcullis ctl ...`: `argv` is what stands behind `ctl`. Writes what there is to say, and gives the exit status. */
export async function runControlCommand(argv: readonly string[], terminal: Terminal): Promise<number> {
  const command = parseControlCommand(argv);
  try {
    if (command.type === 'mistake') return complain(terminal, command.problem, exitUsage);
    if (command.type === 'ask') return await ask(command, terminal);
    await write(terminal.stdout, command.text);
    return exitDone;
  } catch (error) {
    if (error instanceof SeveralServers) return complain(terminal, error.message, exitUsage);
    if (error instanceof ControlError) return complain(terminal, error.message, exitFailed);
    throw error;
  }
}

async function ask(command: Extract<ControlCommand, { type: 'ask' }>, terminal: Terminal): Promise<number> {
  const { request, wanted, view, waitSeconds } = command;
  const socket = await findServer(wanted, terminal.environment);
  const usualSeconds = request.command === 'reload' ? reloadSeconds : answerSeconds;
  const asked = await askServer(socket, request, (waitSeconds ?? usualSeconds) * 1000);
  const text = replyText(asked.reply, view);
  if (asked.reply.type === 'failed') return complain(terminal, text.trimEnd(), exitFailed);
  await write(terminal.stdout, text);
  await untilGone(asked, waitSeconds);
  return exitDone;
}

/** The system closes the connection with the process. */
async function untilGone({ reply, gone }: Asked, waitSeconds: number | undefined): Promise<void> {
  if (reply.type !== 'stopping') return;
  const seconds = waitSeconds ?? reply.withinSeconds;
  await within(seconds * 1000, gone, `the server has not ended within ${seconds} s`);
}

async function complain({ stderr }: Terminal, problem: string, exitCode: number): Promise<number> {
  await write(stderr, `portcullis: ${problem}\n`);
  return exitCode;
}

/** A reader that has gone (`| head`) has read what it wanted. */
function write(stream: Writable, text: string): Promise<void> {
  return new Promise((resolve) => {
    stream.once('error', () => resolve());
    stream.write(text, () => resolve());
  });
}

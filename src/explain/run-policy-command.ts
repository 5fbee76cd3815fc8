import type { Readable, Writable } from 'node:stream';
import { PolicyError } from '../policy/mistake.ts';
import { type Answer, exitInvalid, exitOk } from './answer.ts';
import { checkCommand } from './check-command.ts';
import { type PolicyCommand, parsePolicyCommand } from './command-line.ts';
import { diffCommand } from './diff-command.ts';
import { explainCommand } from './explain-command.ts';
import { paintWith } from './paint.ts';
import { schemaCommand } from './schema-command.ts';
import { testCommand } from './test-command.ts';
import { UsageError } from './usage-error.ts';

/** What the commands see of the process. */
export type Terminal = {
  readonly stdin: Readable;
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable;
  readonly environment: Readonly<Record<string, string | undefined>>;
};

/** `portcullis policy ...`: `argv` is what stands behind `policy`. Writes what there is to say, and gives the exit status. */
export async function runPolicyCommand(argv: readonly string[], terminal: Terminal): Promise<number> {
  const { text, complaint, exitCode } = await answerTo(argv, terminal);
  await write(terminal.stdout, text);
  await write(terminal.stderr, complaint);
  return exitCode;
}

async function answerTo(argv: readonly string[], terminal: Terminal): Promise<Answer> {
  try {
    return await run(parsePolicyCommand(argv), terminal);
  } catch (error) {
    if (error instanceof PolicyError || error instanceof UsageError) {
      return { text: '', complaint: `portcullis: ${error.message}\n`, exitCode: exitInvalid };
    }
    throw error;
  }
}

async function run(command: PolicyCommand, { stdin, stdout, environment }: Terminal): Promise<Answer> {
  // https://no-color.org: set and not empty.
  const paint = paintWith(command.colour && stdout.isTTY === true && !environment['NO_COLOR']);
  switch (command.type) {
    case 'print':
      return { text: command.text, complaint: '', exitCode: exitOk };
    case 'check':
      return checkCommand(command, paint);
    case 'test':
      return testCommand(command, paint);
    case 'explain':
      return explainCommand(command, paint, stdin);
    case 'diff':
      return diffCommand(command, paint, stdin);
    case 'schema':
      return schemaCommand();
  }
}

/** A reader that has gone (`| head`) has read what it wanted. */
function write(stream: Writable, text: string): Promise<void> {
  return new Promise((resolve) => {
    if (text === '') return resolve();
    stream.once('error', () => resolve());
    stream.write(text, () => resolve());
  });
}

import { Command, CommanderError } from 'commander';
import { excerpt } from '../policy/excerpt.ts';

/** What became of the arguments: read, a text that they ask for (help, version), or a mistake. */
export type Outcome =
  | { readonly type: 'read' }
  | { readonly type: 'print'; readonly text: string }
  /** `problem` is a sentence, and a suggestion where there is one. */
  | { readonly type: 'mistake'; readonly problem: string }
  /** It has commands of its own, and none was named. */
  | { readonly type: 'no-command' };

const mostProblemCharacters = 400;

/** A command that neither writes nor ends the process: those of its own that are added later inherit that. */
export class QuietCommand {
  readonly command: Command;
  #printed = '';
  #complaint = '';

  constructor(name: string) {
    this.command = new Command(name).exitOverride().configureOutput({
      writeOut: (text) => {
        this.#printed += text;
      },
      writeErr: (text) => {
        this.#complaint += text;
      },
    });
  }

  /** Reads `argv`, without the program's name; what its options and actions throw is thrown. */
  parse(argv: readonly string[]): Outcome {
    try {
      this.command.parse(argv, { from: 'user' });
      return { type: 'read' };
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      if (error.exitCode === 0) return { type: 'print', text: this.#printed };
      if (error.code === 'commander.help') return { type: 'no-command' };
      return { type: 'mistake', problem: asSentences(this.#complaint) };
    }
  }
}

/** Commander writes `error: unknown option '--wrokers'` and its suggestion on a line of its own. */
function asSentences(complaint: string): string {
  const [problem = '', ...rest] = complaint
    .trim()
    .replace(/^error: /, '')
    .split('\n');
  const suggestion = rest.join(' ').replace(/^\((.*)\)$/, ' $1');
  return `${excerpt(problem.replace(/\.$/, ''), mostProblemCharacters)}.${suggestion}`;
}

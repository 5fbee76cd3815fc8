/** What a command says, and how it ends: nothing but its caller writes. */
export type Answer = {
  /** For standard output. */
  readonly text: string;
  /** For standard error. */
  readonly complaint: string;
  readonly exitCode: number;
};

/** `check` and `diff` follow `diff(1)` and `grep(1)`: 1 is an answer, 2 is trouble. */
export const exitOk = 0;
export const exitNegative = 1;
export const exitInvalid = 2;

export function answer(lines: readonly string[], exitCode: number, complaint = ''): Answer {
  return { text: lines.map((line) => `${line}\n`).join(''), complaint, exitCode };
}

/** For machines: one JSON value, whatever the terminal is. */
export function jsonAnswer(value: unknown, exitCode: number, complaint = ''): Answer {
  return { text: `${JSON.stringify(value, null, 2)}\n`, complaint, exitCode };
}

export function warningLine(text: string): string {
  return `warning: ${text}\n`;
}

/** `1 route`, `2 routes`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

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
  // What JSON leaves as it is and a terminal takes for a command, or for a change of direction.
  const text = JSON.stringify(value, null, 2).replace(/[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu, inEscapes);
  return { text: `${text}\n`, complaint, exitCode };
}

/** Each half of a pair by itself, as JSON has them. */
function inEscapes(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}

export function warningLine(text: string): string {
  return `warning: ${text}\n`;
}

/** `1 route`, `2 routes`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

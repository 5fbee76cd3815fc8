import { printable } from '../policy/excerpt.ts';

/** Colours for a terminal; without them every function leaves its text as it is. */
export type Paint = Readonly<Record<'good' | 'bad' | 'warning' | 'faint' | 'strong', (text: string) => string>>;

const codes = { good: 32, bad: 31, warning: 33, faint: 2, strong: 1 } as const;

export function paintWith(colours: boolean): Paint {
  const painter = (code: number) => (text: string) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text);
  return {
    good: painter(codes.good),
    bad: painter(codes.bad),
    warning: painter(codes.warning),
    faint: painter(codes.faint),
    strong: painter(codes.strong),
  };
}

/** One long cell does not push all others off the screen. */
const maxColumnWidth = 44;

/** Rows with their cells below one another, the last one faint. What a client or a file says in them drives no terminal. */
export function table(rows: readonly (readonly string[])[], paint: Paint, indent: string): readonly string[] {
  const shown = rows.map((row) => row.map(printable));
  const widths = (shown[0] ?? []).map((_, column) =>
    Math.min(maxColumnWidth, Math.max(...shown.map((row) => row[column]?.length ?? 0))),
  );
  return shown.map((row) => {
    const cells = row.slice(0, -1).map((cell, column) => `${cell.padEnd(widths[column] ?? 0)}  `);
    return `${indent}${cells.join('')}${paint.faint(row.at(-1) ?? '')}`;
  });
}

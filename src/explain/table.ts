import { printable } from '../policy/excerpt.ts';
import type { Paint } from './paint.ts';

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

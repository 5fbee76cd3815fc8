import { describeOthers, type MeasuredSection } from './report.ts';

/** A section for the terminal: the table in columns, then how each goal was met. */
export function sectionText(section: MeasuredSection): string {
  const { title, method, columns, rows, goals, notes } = section;
  const lines = [columns, ...rows];
  const widths = columns.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  const table = lines.map((cells) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return [
    `\n${title}`,
    method,
    '',
    ...table.map((line) => `  ${line.trimEnd()}`),
    '',
    ...goals.map(({ text, measured, isMet }) => `  ${isMet ? 'met   ' : 'MISSED'}  ${text}: ${measured}`),
    ...[...notes, describeOthers(section)].map((note) => `  ${note}`),
  ].join('\n');
}

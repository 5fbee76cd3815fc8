import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describeOthers, describeRun, type MeasuredSection, type Report } from './report.ts';

const BEGIN = '<!-- bench -->';
const END = '<!-- /bench -->';

/**
 * Answers what writes the tables into `file`, between the two marks. Throws where the file exists and has no marks:
 * before anything is measured, and rather than writing over what somebody wrote.
 */
export function openMarkdown(file: string): (report: Report) => void {
  const old = existsSync(file) ? readFileSync(file, 'utf8') : `${BEGIN}${END}\n`;
  const [before, ...others] = old.split(BEGIN);
  const [, after, ...more] = (others[0] ?? '').split(END);
  if (after === undefined || others.length !== 1 || more.length !== 0) {
    throw new Error(`${file} does not have the lines ${BEGIN} and ${END}, once each`);
  }
  return (report) => writeFileSync(file, `${before}${BEGIN}\n\n${reportMarkdown(report)}\n${END}${after}`);
}

function reportMarkdown(report: Report): string {
  return `Measured ${describeRun(report)}.\n\n${report.sections.map(sectionMarkdown).join('\n')}`;
}

function sectionMarkdown(section: MeasuredSection): string {
  const { title, method, columns, rows, goals, notes } = section;
  const table = [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.map(escaped).join(' | ')} |`);
  const results = goals.map(({ text, measured, isMet }) => `- ${isMet ? 'met' : '**missed**'}: ${text}: ${measured}`);
  const remarks = [...notes, describeOthers(section)].map((note) => `- ${note}`);
  return `### ${title}\n\n${method}\n\n${table.join('\n')}\n\n${[...results, ...remarks].join('\n')}\n`;
}

function escaped(cell: string): string {
  return cell.replaceAll('|', '\\|');
}

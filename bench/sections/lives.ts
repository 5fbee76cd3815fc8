import { builtPortcullis, type Contender, gunicorn } from '../lives/contender.ts';
import type { Life } from '../lives/life.ts';
import { lives as allLives } from '../lives/lives.ts';
import { columns, type Outcome, outcomeOf } from '../lives/outcome.ts';
import { runLife } from '../lives/run-life.ts';
import { findWrk } from '../load/wrk.ts';
import type { Section } from '../section.ts';
import { findGunicorn } from '../servers/gunicorn.ts';

export const lives: Section = {
  title: 'Lives of processes, and the requests that they cost',
  async run({ options, program, progress }) {
    const scale = options.short ? 'short' : 'long';
    const hasWrk = findWrk() !== undefined;
    const gunicornVersion = findGunicorn();
    const notes = hasWrk ? [] : ['wrk is not installed: no unchecked requests'];
    const notRun: string[] = [];
    const contenders: Contender[] = [builtPortcullis(program)];
    if (options.peers && gunicornVersion !== undefined) contenders.push(gunicorn);
    if (options.peers)
      notes.push(gunicornVersion === undefined ? 'Gunicorn is not installed' : `Gunicorn ${gunicornVersion}`);
    const outcomes: Outcome[] = [];
    for (const contender of contenders) {
      for (const life of allLives.filter((candidate) => isWanted(candidate, contender, options.life))) {
        const figures = await runLife(life, contender, scale, hasWrk);
        const outcome = outcomeOf(contender, life, life.times[scale], figures);
        outcomes.push(outcome);
        if (outcome.notRun !== undefined) notRun.push(outcome.notRun);
        progress(outcome.row.join(' | '));
      }
    }
    return {
      method: `Under constant load on loopback: 8 keep-alive connections of ours, half of them without a pause and half with a few milliseconds of rest and a new connection after 20 requests, each with GET and POST in turn, whose every octet is compared (contents of up to 100 kB come back as they were); beside them, where nothing may fail, 8 connections of wrk, of which only the status is looked at. "Requests" counts ours alone. "Of these its own": failures that had to be, which the application's journal, written before and after it runs a request, or the kernel's table of connections shows: of a dead worker what it had begun, of a dead edge what was on its connections, of a dead master everything. "Run twice": POST requests that were begun in two processes. Times are medians (lowest to highest), as the clients see them: until the first answer of a new process arrives.`,
      columns,
      rows: outcomes.map(({ row }) => row),
      goals: outcomes.flatMap(({ goals }) => goals),
      notes,
      data: outcomes.map(({ data }) => data),
      notRun,
    };
  },
};

function isWanted({ name, kinds }: Life, { kind }: Contender, text: string | undefined): boolean {
  return kinds.includes(kind) && (text === undefined || name.includes(text));
}

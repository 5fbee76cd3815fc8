import { findSlowhttptest } from '../hostile/attacker.ts';
import { type Contender, contenderOf } from '../hostile/contenders.ts';
import {
  control,
  measure,
  SLACK_SECONDS,
  VISIT_SECONDS,
  WARM_UP_CLIENTS,
  WARM_UP_SECONDS,
} from '../hostile/measure.ts';
import { columns, controlOutcomeOf, failureOf, type Outcome, outcomeOf } from '../hostile/outcome.ts';
import { policyKeys } from '../hostile/policy-keys.ts';
import { controlPolicyOf, DEADLINE_SECONDS, policyOf, type Trial, trials } from '../hostile/trials.ts';
import type { Section } from '../section.ts';

const OUR_ROUNDS = 2;
/** Enough for a comparison of which nothing is promised. */
const OTHER_ROUNDS = 1;

export const hostile: Section = {
  title: 'Attacks, and what a neighbour notices of them',
  async run(setup) {
    const { options, program, progress } = setup;
    const knows = policyKeys(program);
    const tool = findSlowhttptest();
    const outcomes: Outcome[] = [];
    const notes = [
      tool === undefined
        ? 'slowhttptest is not installed (a package of Debian): its rows are left out'
        : `slowhttptest ${tool}`,
    ];
    for (const contender of options.servers.map((name) => contenderOf(name, program))) {
      if (contender.missing !== undefined) {
        notes.push(`${contender.title} is left out: ${contender.missing}`);
        continue;
      }
      for (const trial of trials.filter(({ name }) => options.attack === undefined || name.includes(options.attack))) {
        if (trial.weapon.tool === 'slowhttptest' && tool === undefined) continue;
        const missing = trial.needs.filter((key) => !knows(key));
        if (missing.length > 0 && contender.isOurs) {
          notes.push(`"${trial.name}" is left out: this build has no ${missing.join(', ')}`);
        }
        if (missing.length > 0 || (trial.isOurs === true && !contender.isOurs)) continue;
        for await (const outcome of outcomesOf(contender, trial, knows)) {
          outcomes.push(outcome);
          progress(outcome.row.join(' | '));
        }
      }
    }
    return {
      method: `On loopback. Attackers at 127.0.0.1, in processes of their own at a lower priority: slowhttptest with 1,000 connections for slow head, content, read and ranges, raw sockets of Node for the others, which replace each connection that the server ends. The neighbour at 127.0.0.2 sends 200 requests/s on 8 keep-alive connections, each twentieth request on a new one. ${VISIT_SECONDS} s of calm and ${VISIT_SECONDS} s of attack alternate, ${OUR_ROUNDS} rounds (${OTHER_ROUNDS} for other servers), all against one process each time, after ${WARM_UP_SECONDS} s of load from ${WARM_UP_CLIENTS} clients. The 99th percentiles are of all rounds together, the ratio in parentheses of single rounds; a request without an answer counts as the longest possible wait. "Taken at once": most descriptors of one process above those after the warm-up. "Not ended": connections that the server still held, those it never took included, ${SLACK_SECONDS} s after the deadline of the last one. "Memory": largest growth of one process after the warm-up. "CPU": of the edge during the attack, of other servers all processes together. Portcullis has one edge and one worker, deadlines of ${DEADLINE_SECONDS} s for head, content, reader and idle connection (10 s for the 10,000), bufferBytes 16 KiB, 15,000 worker connections, and no caps unless the row says so; nginx has the same deadlines, Gunicorn has none to set. Each "without" is the same attack against a server without the protection that the row above it is about: connections have to be left there.`,
      columns,
      rows: outcomes.map(({ row }) => row),
      goals: outcomes.flatMap(({ goal }) => goal ?? []),
      notes,
      data: outcomes.map(({ data }) => data),
    };
  },
};

async function* outcomesOf(
  contender: Contender,
  trial: Trial,
  knows: (key: string) => boolean,
): AsyncGenerator<Outcome> {
  const rounds = contender.isOurs ? OUR_ROUNDS : OTHER_ROUNDS;
  const measuring = measure(contender, trial, policyOf(trial, knows), rounds);
  yield await measuring.then(
    (measured) => outcomeOf(contender, trial, measured),
    (error: unknown) => failureOf(contender, trial.name, error),
  );
  if (contender.isOurs && trial.control !== undefined) {
    const { without } = trial.control;
    yield await control(contender, trial, controlPolicyOf(trial, knows)).then(
      (controlled) => controlOutcomeOf(contender, trial, without, controlled),
      (error: unknown) => failureOf(contender, `${trial.name}, without ${without}`, error),
    );
  }
}

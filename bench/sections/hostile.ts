import { findSlowhttptest } from '../hostile/attacker.ts';
import { type Contender, contenderOf } from '../hostile/contenders.ts';
import {
  type Controlled,
  control,
  type Measured,
  measure,
  SLACK_SECONDS,
  VISIT_SECONDS,
  WARM_UP_CLIENTS,
  WARM_UP_SECONDS,
} from '../hostile/measure.ts';
import { p99, together } from '../hostile/neighbour.ts';
import { policyKeys } from '../hostile/policy-keys.ts';
import { controlPolicyOf, DEADLINE_SECONDS, policyOf, type Trial, trials } from '../hostile/trials.ts';
import { mebibytes, milliseconds, twoDigits, whole, withSpread } from '../report/quantity.ts';
import type { Goal, Section } from '../section.ts';
import { summarize } from '../statistics.ts';

const OUR_ROUNDS = 2;
/** Enough for a comparison of which nothing is promised. */
const OTHER_ROUNDS = 1;
const MOST_P99_RATIO = 1.5;
const MOST_GROWTH_BYTES = 32 * 1024 * 1024;

const columns = [
  'server',
  'attack',
  'p99 calm',
  'p99 attacked',
  'x calm',
  'failed',
  'taken at once',
  'not ended',
  'memory',
  'CPU',
  'result',
];

type Outcome = {
  readonly row: readonly string[];
  readonly goal: Goal | undefined;
  readonly data: unknown;
};

export const hostile: Section = {
  title: 'Attacks, and what a neighbour notices of them',
  async run(setup) {
    const { options, program, progress } = setup;
    const knows = policyKeys(program);
    const tool = findSlowhttptest();
    const outcomes: Outcome[] = [];
    const notes = [
      tool === undefined ? 'slowhttptest is not installed: its rows are left out' : `slowhttptest ${tool}`,
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
  yield outcomeOf(contender, trial, await measure(contender, trial, policyOf(trial, knows), rounds));
  if (contender.isOurs && trial.control !== undefined) {
    const { without } = trial.control;
    yield controlOutcomeOf(contender, trial, without, await control(contender, trial, controlPolicyOf(trial, knows)));
  }
}

function outcomeOf(contender: Contender, trial: Trial, measured: Measured): Outcome {
  const { calm, attacked, growth } = measured;
  const before = together(calm);
  const during = together(attacked.map(({ visit }) => visit));
  const ratio = p99(during) / p99(before);
  const single = summarize(attacked.map(({ visit }, round) => p99(visit) / p99(calm[round] ?? before)));
  const left = Math.max(...attacked.map((spell) => spell.left));
  const cpu = summarize(attacked.map((spell) => spell.cpu));
  const misses = [
    ...(ratio > MOST_P99_RATIO ? ['p99'] : []),
    ...(during.failed > 0 ? ['requests failed'] : []),
    ...(left > 0 ? ['connections left'] : []),
    ...(growth.memoryBytes > MOST_GROWTH_BYTES ? ['memory'] : []),
    ...(growth.ended > 0 ? ['a process ended'] : []),
  ];
  const row = [
    contender.title,
    trial.name,
    milliseconds(p99(before)),
    milliseconds(p99(during)),
    withSpread({ ...single, median: ratio }, twoDigits),
    whole(during.failed),
    whole(growth.descriptors),
    whole(left),
    `${mebibytes(growth.memoryBytes)} ${growth.memoryOf}`.trimEnd(),
    `${whole(cpu.median * 100)} %`,
    misses.length === 0 ? 'met' : `missed: ${misses.join(', ')}`,
  ];
  const goal: Goal = {
    text: `${trial.name}: p99 <= ${MOST_P99_RATIO} x calm, none failed, all ended, memory <= +${mebibytes(MOST_GROWTH_BYTES)}`,
    measured: `${twoDigits(ratio)} x, ${during.failed} failed, ${left} left, +${mebibytes(growth.memoryBytes)}`,
    isMet: misses.length === 0,
  };
  const data = { server: contender.title, attack: trial.name, ...forJson(measured) };
  return { row, goal: contender.isOurs ? goal : undefined, data };
}

function controlOutcomeOf(contender: Contender, trial: Trial, without: string, controlled: Controlled): Outcome {
  const { left } = controlled;
  const fails = left > 0;
  const none = '';
  const result = fails ? 'fails, as it must' : 'missed: passes without its protection';
  return {
    row: [contender.title, `without ${without}`, none, none, none, none, none, whole(left), none, none, result],
    goal: {
      text: `${trial.name}, without ${without}: connections are left`,
      measured: `${whole(left)} left`,
      isMet: fails,
    },
    data: { server: contender.title, attack: trial.name, without, ...controlled },
  };
}

/** Each wait of thousands says no more than some of their quantiles. */
function forJson({ calm, attacked, growth }: Measured): object {
  return {
    calm: calm.map((visit) => ({ p99: p99(visit), failed: visit.failed })),
    attacked: attacked.map(({ visit, ...spell }) => ({ p99: p99(visit), failed: visit.failed, ...spell })),
    growth,
  };
}

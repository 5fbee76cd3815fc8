import type { Readable } from 'node:stream';
import { excerpt } from '../policy/excerpt.ts';
import { type PolicyInForce, putInForce } from '../policy/policy-in-force.ts';
import { type Answer, answer, counted, exitNegative, exitOk, jsonAnswer, warningLine } from './answer.ts';
import type { EffectiveValue } from './effective-value.ts';
import type { Explanation } from './explain.ts';
import { ruleText } from './explanation-text.ts';
import type { Paint } from './paint.ts';
import { parserContext } from './parser-context.ts';
import {
  isSame,
  type PolicyDifference,
  policyDifference,
  type RouteChange,
  type ValueChange,
} from './policy-difference.ts';
import { isRecording, type Recording, readRecordedRequests } from './recorded-requests.ts';
import { inputName, readInput } from './request-input.ts';
import { loadTrustedPolicy } from './trusted-policy.ts';
import { UsageError } from './usage-error.ts';
import { type VerdictChange, verdictChanges } from './verdict-change.ts';

export type DiffOptions = {
  /** Paths of files, or names of shipped policies. */
  readonly old: string;
  readonly new: string;
  /** A file of recorded requests. */
  readonly requests: string | null;
  readonly json: boolean;
};

/** As many as anybody reads; all are counted. */
const mostShownRequests = 100;
const mostShownElements = 20;

type Requests = { readonly count: number; readonly changed: number; readonly shown: readonly VerdictChange[] };

/** What changes in effect from one policy to another. Throws `PolicyError` and `UsageError`. */
export async function diffCommand(options: DiffOptions, paint: Paint, stdin: Readable): Promise<Answer> {
  const old = putInForce(loadTrustedPolicy(options.old).policy);
  const now = putInForce(loadTrustedPolicy(options.new).policy);
  const difference = policyDifference(old, now);
  const recording = options.requests === null ? null : await readRecording(options.requests, stdin);
  const requests = recording === null ? null : compareRequests(recording, old, now);
  const exitCode = isSame(difference) && (requests?.changed ?? 0) === 0 ? exitOk : exitNegative;
  const complaint = (recording?.warnings ?? []).map(warningLine).join('');
  if (options.json) return jsonAnswer(asJson(difference, requests, exitCode === exitOk), exitCode, complaint);
  return answer([...differenceLines(difference, paint), ...requestLines(requests, paint)], exitCode, complaint);
}

async function readRecording(path: string, stdin: Readable): Promise<Recording> {
  const bytes = await readInput(path, stdin);
  if (bytes.length > 0 && !isRecording(bytes))
    throw new UsageError(`${inputName(path)}: these are no recorded requests`);
  return readRecordedRequests(bytes, inputName(path));
}

function compareRequests({ requests }: Recording, old: PolicyInForce, now: PolicyInForce): Requests {
  const shown: VerdictChange[] = [];
  let changed = 0;
  for (const change of verdictChanges(requests, old, now, parserContext())) {
    changed += 1;
    if (shown.length < mostShownRequests) shown.push(change);
  }
  return { count: requests.length, changed, shown };
}

function differenceLines({ values, routes }: PolicyDifference, paint: Paint): readonly string[] {
  if (values.length + routes.length === 0) return ['the two are the same in effect'];
  return [
    ...values.flatMap((change) => valueLines(change, paint, '')),
    ...routes.flatMap((one) => routeLines(one, paint)),
  ];
}

function valueLines(
  { pointer, old, new: now, added, removed }: ValueChange,
  paint: Paint,
  indent: string,
): readonly string[] {
  // Of a list that begins or ends empty, whole sides say more than what came or went: empty often means any.
  if (added.length + removed.length === 0 || isEmpty(old) || isEmpty(now)) {
    return [`${indent}${pointer}: ${sideText(old, paint)} -> ${sideText(now, paint)}`];
  }
  const origins = `${excerpt(old?.origin ?? '', 200)} -> ${excerpt(now?.origin ?? '', 200)}`;
  return [
    `${indent}${pointer}:  ${paint.faint(origins)}`,
    ...removed.slice(0, mostShownElements).map((text) => paint.bad(`${indent}  - ${excerpt(text, 200)}`)),
    ...moreLine(removed.length, `${indent}  - `),
    ...added.slice(0, mostShownElements).map((text) => paint.good(`${indent}  + ${excerpt(text, 200)}`)),
    ...moreLine(added.length, `${indent}  + `),
  ];
}

function isEmpty(value: EffectiveValue | null): boolean {
  return Array.isArray(value?.value) && value.value.length === 0;
}

function moreLine(count: number, indent: string): readonly string[] {
  return count > mostShownElements ? [`${indent}and ${count - mostShownElements} more`] : [];
}

function sideText(value: EffectiveValue | null, paint: Paint): string {
  if (value === null) return 'nothing';
  return `${excerpt(value.text, 200)} ${paint.faint(`(${excerpt(value.origin, 200)})`)}`;
}

function routeLines({ change, label, oldLabel, origin, values }: RouteChange, paint: Paint): readonly string[] {
  const place = paint.faint(`(${excerpt(origin, 200)})`);
  const inner = values.flatMap((value) => valueLines(value, paint, '    '));
  const name = excerpt(label, 120);
  if (change === 'added') return [`${paint.good(`+ route ${name}`)} ${place}`, ...inner];
  if (change === 'removed') return [`${paint.bad(`- route ${name}`)} ${place}`, ...inner];
  const renamed = oldLabel === null ? '' : `, which was called ${excerpt(oldLabel, 120)}`;
  return [`~ route ${name}${renamed} ${place}`, ...inner];
}

function requestLines(requests: Requests | null, paint: Paint): readonly string[] {
  if (requests === null) return [];
  const { count, changed, shown } = requests;
  const more = changed - shown.length;
  return [
    `${counted(count, 'recorded request')}, ${changed === 0 ? 'no verdict changes' : `${counted(changed, 'verdict')} changed:`}`,
    ...shown.flatMap(({ recorded, old, new: now }) => [
      `  line ${recorded.line}: ${excerpt(now.requestLine ?? old.requestLine ?? '', 120)} from ${excerpt(recorded.client ?? 'a Unix socket')}`,
      `    ${outcomeText(old, paint)} -> ${outcomeText(now, paint)}`,
    ]),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

function outcomeText({ verdict, rejection, observed }: Explanation, paint: Paint): string {
  if (rejection !== null) return paint.bad(ruleText(rejection));
  const noted = observed.length === 0 ? '' : `, ${observed.map(({ rule }) => rule).join(', ')} observed`;
  return verdict === 'pass' ? paint.good(`passes${noted}`) : paint.warning(`incomplete${noted}`);
}

function asJson({ values, routes }: PolicyDifference, requests: Requests | null, same: boolean): object {
  const changes = requests?.shown.map(({ recorded, old, new: now }) => ({
    line: recorded.line,
    request: now.requestLine ?? old.requestLine,
    client: recorded.client,
    old: outcomeAsJson(old),
    new: outcomeAsJson(now),
  }));
  const ofRequests = requests === null ? null : { count: requests.count, changed: requests.changed, changes };
  return { same, values, routes, requests: ofRequests };
}

function outcomeAsJson({ verdict, rejection, observed }: Explanation): object {
  return {
    verdict,
    rule: rejection?.rule ?? null,
    status: rejection?.status ?? null,
    observed: observed.map(({ rule }) => rule),
  };
}

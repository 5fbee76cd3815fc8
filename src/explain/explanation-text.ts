import { excerpt } from '../policy/excerpt.ts';
import type { EffectiveValue } from './effective-value.ts';
import type { ExplainedRejection, ExplainedRequest } from './explained-request.ts';
import type { Paint } from './paint.ts';
import { table } from './table.ts';

/** Longer values of a client say no more to a reader. */
const mostShownCharacters = 200;
const labelWidth = 10;

/** One request for people, a few labelled lines and two tables. */
export function explanationLines(explained: ExplainedRequest, paint: Paint): readonly string[] {
  const { rejection, observed, closes, countedBy, effective, environ, hint, recorded } = explained;
  const line = (label: string, text: string): string => paint.strong(label.padEnd(labelWidth)) + text;
  const lines = [line('request', requestText(explained)), line('verdict', verdictText(explained, paint))];
  if (rejection !== null)
    lines.push(...decisionLines(rejection, paint).map((text, index) => line(index === 0 ? 'decided' : '', text)));
  if (hint !== null) lines.push(line('hint', paint.warning(hint)));
  if (recorded !== null) lines.push(line('recorded', recordText(recorded)));
  for (const one of observed) {
    const why = one.mode === null ? '' : `  ${one.mode.pointer} = ${one.mode.text}  ${paint.faint(one.mode.origin)}`;
    lines.push(line('observed', `${paint.warning(`would be refused: ${ruleText(one)}`)}${why}`));
    lines.push(...decisionLines(one, paint).map((text) => line('', text)));
  }
  lines.push(line('route', routeText(explained, paint)));
  if (countedBy !== null) {
    lines.push(line('counted', valueLine(countedBy, paint)));
    lines.push(line('', paint.faint('not judged here: that takes a clock, and the requests before this one')));
  }
  if (closes) lines.push(line('then', 'the connection ends: nothing behind it is read'));
  lines.push(paint.strong('limits'));
  lines.push(
    ...table(
      effective.map(({ pointer, text, origin }) => [pointer, cut(text), origin]),
      paint,
      '  ',
    ),
  );
  if (environ === null) return lines;
  lines.push(paint.strong('environ'));
  return [...lines, ...Object.entries(environ).map(([key, value]) => `  ${cut(key)}=${cut(value)}`)];
}

function routeText({ route, hasHead }: ExplainedRequest, paint: Paint): string {
  if (route !== null) return `${excerpt(route.label, 120)}  ${paint.faint(excerpt(route.origin, mostShownCharacters))}`;
  return hasHead ? 'none' : 'not known: there is no whole head';
}

function requestText({ request, host, client, proxy }: ExplainedRequest): string {
  const named = host === null ? '' : ` of ${cut(host)}`;
  const teller = proxy === null ? '' : `, as the trusted proxy ${excerpt(proxy)} says`;
  return `${request === '' ? 'nothing' : cut(request)}${named} from ${client === '' ? 'a Unix socket' : excerpt(client)}${teller}`;
}

function verdictText({ verdict, rejection, recorded }: ExplainedRequest, paint: Paint): string {
  if (rejection !== null) return paint.bad(`refused: ${ruleText(rejection)}`);
  if (verdict === 'pass') return paint.good('passes');
  const reason = recorded?.isCut === true ? 'the recording was cut' : 'the bytes end before the request does';
  return paint.warning(`incomplete: ${reason}; nothing is wrong with it so far`);
}

export function ruleText({ status, rule, detail }: Pick<ExplainedRejection, 'status' | 'rule' | 'detail'>): string {
  return `${status === null ? '' : `${status} `}${rule} (${excerpt(detail, mostShownCharacters)})`;
}

function decisionLines({ decided, source, meaning }: ExplainedRejection, paint: Paint): readonly string[] {
  if (decided.length > 0) return decided.map((value) => valueLine(value, paint));
  return [`no policy can allow it (${source})`, paint.faint(meaning)];
}

function valueLine({ pointer, text, origin }: EffectiveValue, paint: Paint): string {
  return `${pointer} = ${cut(text)}  ${paint.faint(excerpt(origin, mostShownCharacters))}`;
}

function recordText({ line, recorded, status, rule, policy }: NonNullable<ExplainedRequest['recorded']>): string {
  const when = recorded === null ? '' : ` at ${excerpt(recorded)}`;
  const verdict = rule === null ? '' : `: ${status === null ? '' : `${status} `}${excerpt(rule)}`;
  return `line ${line}${when}${verdict}${policy === null ? '' : ` under the policy ${excerpt(policy)}`}`;
}

function cut(text: string): string {
  return excerpt(text, mostShownCharacters);
}

import type { Readable } from 'node:stream';
import { parseAddress } from '../inspect/client-address.ts';
import { excerpt } from '../policy/excerpt.ts';
import { readPolicy } from '../policy/load.ts';
import { type PolicyInForce, putInForce } from '../policy/policy-in-force.ts';
import type { Mount } from '../upstream/mount.ts';
import { type Answer, answer, counted, exitNegative, exitOk, jsonAnswer, warningLine } from './answer.ts';
import { arrivalFrom, nobody } from './arriving.ts';
import { explain } from './explain.ts';
import { type ExplainedRequest, explainedRequest } from './explained-request.ts';
import { explanationAsJson } from './explanation-json.ts';
import { explanationLines } from './explanation-text.ts';
import { withCrlf } from './line-ends.ts';
import type { Paint } from './paint.ts';
import { parserContext } from './parser-context.ts';

import { isRecording, type RecordedRequest, readRecordedRequests } from './recorded-requests.ts';
import { inputName, readInput } from './request-input.ts';
import { testsOf } from './trusted-policy.ts';
import { UsageError } from './usage-error.ts';

export type ExplainOptions = {
  /** Path of a file or name of a shipped policy; null: the shipped default. */
  readonly policy: string | null;
  /** The file with the request, `-` for standard input. */
  readonly input: string;
  /** Null: of recorded requests their own, of others one that nobody has. */
  readonly from: string | null;
  readonly mount: Mount;
  /** Line of a recording; null: all. */
  readonly record: number | null;
  readonly crlf: boolean;
  readonly json: boolean;
};

/** As many as anybody reads; of those behind them the verdicts are counted. */
const mostShown = 100;

/** Bytes of one connection. */
type Sent = { readonly bytes: Uint8Array; readonly client: string; readonly recorded: RecordedRequest | null };

/** What becomes of requests, and why. Throws `PolicyError` and `UsageError`. */
export async function explainCommand(options: ExplainOptions, paint: Paint, stdin: Readable): Promise<Answer> {
  const { policy, source } = readPolicy(options.policy);
  const inForce = putInForce(policy);
  const failed = source === null ? 0 : testsOf(source, inForce).filter(({ problem }) => problem !== null).length;
  // Whoever asks why a test fails needs an answer.
  const doubt =
    failed === 0 ? [] : [`a server would refuse this policy: ${counted(failed, 'test')} in it did not pass`];
  const { sent, warnings } = await readSent(options, stdin);
  const { shown, counts, unreadBytes, isFine } = explainAll(sent, options.mount, inForce);
  const complaint = [...doubt, ...warnings].map(warningLine).join('');
  const exitCode = isFine ? exitOk : exitNegative;
  const { pass, refuse, incomplete } = counts;
  const more = pass + refuse + incomplete - shown.length;
  if (options.json) {
    const requests = shown.map(explanationAsJson);
    return jsonAnswer({ policy: policy.name, requests, more, counts, unreadBytes }, exitCode, complaint);
  }
  const lines = shown.flatMap((one, index) => [...(index === 0 ? [] : ['']), ...explanationLines(one, paint)]);
  if (sent.length === 0) lines.push(`${inputName(options.input)}: there are no requests in it`);
  if (more > 0) lines.push('', `and ${counted(more, 'more request')}`);
  if (shown.length > 1) lines.push('', `of all: ${pass} pass, ${refuse} are refused, ${incomplete} are incomplete`);
  if (unreadBytes > 0) lines.push(`${counted(unreadBytes, 'byte')} behind the end of a connection are not read`);
  return answer(lines, exitCode, complaint);
}

async function readSent(
  options: ExplainOptions,
  stdin: Readable,
): Promise<{ sent: readonly Sent[]; warnings: readonly string[] }> {
  const { input, from, record, crlf } = options;
  const bytes = await readInput(input, stdin);
  if (!isRecording(bytes)) {
    if (record !== null) throw new UsageError(`${inputName(input)}: --record is for recorded requests, these are none`);
    return { sent: [{ bytes: crlf ? withCrlf(bytes) : bytes, client: from ?? nobody, recorded: null }], warnings: [] };
  }
  const { requests, warnings } = readRecordedRequests(bytes, inputName(input));
  const wanted = record === null ? requests : requests.filter(({ line }) => line === record);
  if (record !== null && wanted.length === 0)
    throw new UsageError(`${inputName(input)}: line ${record} has no request`);
  const sent = wanted.map((recorded) => ({ bytes: recorded.bytes, client: from ?? recorded.client ?? '', recorded }));
  return { sent, warnings };
}

function explainAll(sent: readonly Sent[], mount: Mount, inForce: PolicyInForce) {
  const shown: ExplainedRequest[] = [];
  const counts = { pass: 0, refuse: 0, incomplete: 0 };
  let isFine = true;
  let unreadBytes = 0;
  for (const { bytes, client, recorded } of sent) {
    const arriving = arrivalFrom(client, inForce.policy.name, mount);
    for (const explanation of explain(bytes, inForce, arriving, parserContext())) {
      counts[explanation.verdict] += 1;
      unreadBytes += explanation.unreadBytes;
      const isCut = explanation.verdict === 'incomplete' && recorded?.isCut === true;
      if (explanation.verdict !== 'pass' && !isCut) isFine = false;
      if (shown.length === mostShown) continue;
      const sender = { text: client, address: arriving.peer };
      shown.push(explainedRequest(explanation, bytes, sender, recorded, inForce));
    }
  }
  return { shown, counts, unreadBytes, isFine };
}

/** An address as `--from` has it. Throws `UsageError`. */
export function parseFrom(text: string): string {
  if (parseAddress(text) !== undefined) return text;
  throw new UsageError(`--from: expected an address such as 192.0.2.1 or 2001:db8::1, found "${excerpt(text)}"`);
}

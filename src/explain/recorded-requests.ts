import { parseAddress } from '../inspect/client-address.ts';
import { UsageError } from './usage-error.ts';

/** A request that a server has refused or observed, as its recorder wrote it down: one JSON object a line. */
export type RecordedRequest = {
  /** Line of the file, from 1. */
  readonly line: number;
  readonly recorded: string | null;
  /** Address of the client; null where it had none (a Unix socket). */
  readonly client: string | null;
  readonly rule: string | null;
  readonly status: number | null;
  /** Name of the policy that was in force. */
  readonly policy: string | null;
  readonly route: string | null;
  /** Credentials and the like are asterisks, as many as there were bytes: limits judge alike. */
  readonly bytes: Uint8Array;
  /** The bytes end before the request did: that it is incomplete says nothing. */
  readonly isCut: boolean;
};

export type Recording = { readonly requests: readonly RecordedRequest[]; readonly warnings: readonly string[] };

/** A head of 64 KiB with all bytes escaped fits, and content as far as anybody records it. */
const maxLineBytes = 1024 * 1024;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const BRACE = 0x7b;

/** Whether this is a recording rather than the bytes of a request: none begins with a brace. */
export function isRecording(bytes: Uint8Array): boolean {
  const first = bytes.find((byte) => byte !== LF && byte !== CR && byte !== SPACE);
  return first === BRACE;
}

/**
 * The requests of a recording; `file` is its name in messages. Throws `UsageError` with the line of the first mistake, and where
 * nothing is a request. Lines that are torn, as a crash or a full disk leaves them, are a warning.
 */
export function readRecordedRequests(bytes: Uint8Array, file: string): Recording {
  const requests: RecordedRequest[] = [];
  const torn: number[] = [];
  let line = 0;
  for (let start = 0; start < bytes.length; ) {
    line += 1;
    const lineEnd = bytes.indexOf(LF, start);
    const end = lineEnd < 0 ? bytes.length : lineEnd;
    const entry = parseLine(bytes.subarray(start, end));
    const problemOrRequest = entry === undefined ? null : readEntry(entry, line);
    if (typeof problemOrRequest === 'string') throw new UsageError(`${file}:${line}: ${problemOrRequest}`);
    if (problemOrRequest !== null) requests.push(problemOrRequest);
    else if (entry === undefined) torn.push(line);
    start = end + 1;
  }
  const [first] = torn;
  if (first === undefined) return { requests, warnings: [] };
  if (requests.length === 0)
    throw new UsageError(`${file}:${first}: expected one JSON object a line, found something else`);
  const problem = torn.length === 1 ? 'this line is torn' : `this line and ${torn.length - 1} more are torn`;
  return { requests, warnings: [`${file}:${first}: ${problem} and skipped`] };
}

/** Null for an empty line, undefined for one that is no JSON. */
function parseLine(bytes: Uint8Array): unknown {
  if (bytes.length > maxLineBytes) return undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.trim() === '' ? null : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Null for nothing, a string for what is wrong. */
function readEntry(entry: unknown, line: number): RecordedRequest | string | null {
  if (entry === null) return null;
  if (typeof entry !== 'object' || Array.isArray(entry)) return 'expected a JSON object';
  const { recorded, client, rule, status, policy, route, request, cut } = entry as Record<string, unknown>;
  if (typeof request !== 'string') return 'expected the key request with the bytes of the request';
  if (/[^\x00-\xff]/.test(request)) return 'expected a request of bytes, each a character up to U+00FF';
  const address = typeof client === 'string' && client !== '' ? client : null;
  if (address !== null && parseAddress(address) === undefined) return 'expected the address of a client, or null';
  return {
    line,
    recorded: textOrNull(recorded),
    client: address,
    rule: textOrNull(rule),
    status: typeof status === 'number' ? status : null,
    policy: textOrNull(policy),
    route: textOrNull(route),
    bytes: Buffer.from(request, 'latin1'),
    isCut: cut === true,
  };
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

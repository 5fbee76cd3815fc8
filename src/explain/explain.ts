import { fieldId } from '../http1/known-field.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { type ParserContext, type ParserHandler, RequestParser } from '../http1/request-parser.ts';
import { type Forwarded, forwardingFields, readForwarded } from '../inspect/forwarded.ts';
import { Inspection, inspect, inspectForm } from '../inspect/inspect.ts';
import type { EffectivePolicy } from '../policy/effective.ts';
import type { PolicyInForce } from '../policy/policy-in-force.ts';
import { type Rejection, reject } from '../rejection/rejection.ts';
import { rules } from '../rejection/rules.ts';
import { EnvironEncoder } from '../upstream/environ.ts';
import { isBelow } from '../upstream/mount.ts';
import type { Arriving } from './arriving.ts';

/** What becomes of one request under a policy. */
export type Explanation = {
  /** `incomplete`: the bytes end before the request does, and nothing is wrong with it so far. */
  readonly verdict: 'pass' | 'refuse' | 'incomplete';
  readonly rejection: Rejection | null;
  /** What would have refused it, were it not only observed. */
  readonly observed: readonly Rejection[];
  /** What holds for it: its route's, or the general one where it does not come so far that it has a route. */
  readonly effective: EffectivePolicy;
  /** `GET /path`, as sent, in latin1; null where there is no whole head: then the parser has refused it, if anybody. */
  readonly requestLine: string | null;
  /** What its peer says of it; null where the peer is not trusted to. */
  readonly forwarded: Forwarded | null;
  /** As the Host field has it. */
  readonly host: string | null;
  /** What the application would get; null where it would get nothing. */
  readonly environ: Readonly<Record<string, string>> | null;
  /** Where it begins in the bytes. */
  readonly start: number;
  /** The connection ends with it: nothing behind it is read. */
  readonly closes: boolean;
  /** Whole requests may stand behind one that closes; how many bytes, where a refusal did not stop the parser before. */
  readonly unreadBytes: number;
};

const requestIdPrefix = 'explained-';
const hostField = fieldId('host');

/**
 * Each request in these bytes, by the parser, the checks and the encoder that the server runs. Nothing is dispatched, no
 * clock is read: rules that need time, a worker or other clients do not show. What stands behind a request that ends its
 * connection is not explained, because it is not read. At least one explanation, also of no bytes; one at a time, because
 * bytes may hold a great many.
 */
export function* explain(
  bytes: Uint8Array,
  policy: PolicyInForce,
  arriving: Arriving,
  context: ParserContext,
): Generator<Explanation, void, undefined> {
  const reader = new Reader(policy, arriving, context);
  try {
    yield* reader.read(bytes);
  } finally {
    reader.free();
  }
}

/** What becomes of the first request alone. */
export function explainFirst(...args: Parameters<typeof explain>): Explanation {
  // Leaving the loop ends the parser's life.
  for (const explanation of explain(...args)) return explanation;
  throw new Error('there was no explanation');
}

type Draft = { -readonly [Key in keyof Explanation]: Explanation[Key] };

class Reader implements ParserHandler {
  readonly #policy: PolicyInForce;
  readonly #arriving: Arriving;
  readonly #parser: RequestParser;
  readonly #encoder: EnvironEncoder;
  readonly #inspection = new Inspection();
  #draft: Draft;
  #requests = 0;
  #contentBytes = 0;
  #isChunked = false;

  constructor(policy: PolicyInForce, arriving: Arriving, context: ParserContext) {
    this.#policy = policy;
    this.#arriving = arriving;
    this.#parser = new RequestParser(context, policy.headLimits, this);
    this.#encoder = new EnvironEncoder(requestIdPrefix, arriving.mount);
    this.#draft = this.#begin(0);
  }

  *read(bytes: Uint8Array): Generator<Explanation, void, undefined> {
    this.#parser.receive(bytes);
    for (;;) {
      const draft = this.#draft;
      // RFC 9112 section 2.2: an empty line behind a request, as many editors leave one, is not another request.
      if (draft.verdict === 'incomplete' && draft.start > 0 && this.#parser.isBetweenRequests) return;
      const { waitingBytes } = this.#parser;
      if (draft.closes) draft.unreadBytes = waitingBytes;
      yield draft;
      if (draft.verdict === 'incomplete' || draft.closes || waitingBytes === 0) return;
      this.#draft = this.#begin(bytes.length - waitingBytes);
      this.#parser.limits = this.#policy.headLimits;
      this.#parser.resume();
    }
  }

  free(): void {
    this.#parser.free();
  }

  onRequestHead(head: RequestHead): void {
    const draft = this.#draft;
    this.#requests += 1;
    draft.requestLine = `${head.method} ${head.latin1(head.targetStart, head.targetEnd)}`;
    draft.host = head.value(hostField) ?? null;
    this.#contentBytes = 0;
    this.#isChunked = head.framing === 'chunked';
    draft.forwarded = this.#readForwarded(head);
    draft.rejection = this.#inspect(head) ?? null;
    draft.observed = [...this.#inspection.observed];
    draft.closes = !head.keepAlive || this.#requests >= draft.effective.values.keepAlive.maxRequests;
    if (draft.rejection === null) {
      const pairs = this.#arriving.pairs(draft.forwarded);
      draft.environ = pairsOf(this.#encoder.encode(head, this.#inspection, pairs, this.#requests));
    } else {
      this.#refuse(draft.rejection);
      if (rules[draft.rejection.rule].ends === 'connection') this.#parser.stop();
    }
  }

  onContent(bytes: Uint8Array): void {
    const draft = this.#draft;
    const { contentBytes } = draft.effective.request;
    const before = this.#contentBytes;
    this.#contentBytes += bytes.length;
    if (!this.#isChunked || before > contentBytes || this.#contentBytes <= contentBytes) return;
    draft.observed = [...draft.observed, reject('content.too-large', `more than ${contentBytes} bytes`)];
  }

  onEndOfMessage(): void {
    this.#draft.verdict = this.#draft.rejection === null ? 'pass' : 'refuse';
  }

  onRejected(rejection: Rejection): void {
    this.#refuse(this.#draft.rejection ?? rejection);
    // Whatever it was refused by first: the parser reads nothing more.
    this.#draft.closes = true;
  }

  #refuse(rejection: Rejection): void {
    const draft = this.#draft;
    draft.verdict = 'refuse';
    draft.rejection = rejection;
    draft.environ = null;
    draft.closes ||= rules[rejection.rule].ends === 'connection';
  }

  #readForwarded(head: RequestHead): Forwarded | null {
    const { proxies } = this.#policy;
    const { peer } = this.#arriving;
    const isTrusted = peer !== undefined && proxies?.addresses.has(peer) === true;
    this.#inspection.passedForwarding = isTrusted ? forwardingFields[proxies.fields] : 0;
    return isTrusted ? readForwarded(head, proxies) : null;
  }

  #inspect(head: RequestHead): Rejection | undefined {
    const malformed = inspectForm(head, this.#inspection);
    if (malformed !== undefined) return malformed;
    const effective = this.#policy.for(head, this.#inspection);
    this.#draft.effective = effective;
    this.#parser.limits = effective.parserLimits;
    this.#inspection.client = this.#draft.forwarded?.client?.address ?? this.#arriving.peer;
    const rejection = inspect(head, effective, this.#inspection);
    if (rejection !== undefined || isBelow(this.#inspection, this.#arriving.mount)) return rejection;
    return reject('target.not-mounted', `not below ${this.#arriving.mount.scriptName}`);
  }

  #begin(start: number): Draft {
    const nothingKnown = {
      rejection: null,
      observed: [],
      requestLine: null,
      forwarded: null,
      host: null,
      environ: null,
    };
    return {
      verdict: 'incomplete',
      ...nothingKnown,
      effective: this.#policy.general,
      start,
      closes: false,
      unreadBytes: 0,
    };
  }
}

function pairsOf(block: Uint8Array): Readonly<Record<string, string>> {
  const texts = Buffer.from(block).toString('latin1').split('\0');
  const pairs = texts.flatMap((key, index) => (index % 2 === 0 && key !== '' ? [[key, texts[index + 1] ?? '']] : []));
  return Object.fromEntries(pairs);
}

import type { RequestHead } from '../http1/request-head.ts';
import { type ParserContext, type ParserHandler, RequestParser } from '../http1/request-parser.ts';
import type { ClientAddress } from '../inspect/client-address.ts';
import { Inspection, inspect, inspectForm } from '../inspect/inspect.ts';
import type { EffectivePolicy } from '../policy/effective.ts';
import type { PolicyInForce } from '../policy/policy-in-force.ts';
import { type Rejection, reject } from '../rejection/rejection.ts';
import { rules } from '../rejection/rules.ts';
import { EnvironEncoder } from '../upstream/environ.ts';
import { isBelow, type Mount } from '../upstream/mount.ts';

/** What becomes of one request under a policy. */
export type Explanation = {
  /** `incomplete`: the bytes end before the request does, and nothing is wrong with it so far. */
  readonly verdict: 'pass' | 'refuse' | 'incomplete';
  readonly rejection: Rejection | null;
  /** What would have refused it, were it not only observed. */
  readonly observed: readonly Rejection[];
  /** What holds for it: its route's, or the general one where it does not come so far that it has a route. */
  readonly effective: EffectivePolicy;
  /** `GET /path`, as sent; null where there is no whole head. */
  readonly requestLine: string | null;
  /** What the application would get; null where it would get nothing. */
  readonly environ: Readonly<Record<string, string>> | null;
};

/** Who sends it, and to where: `pairs` is what environs of a connection have in common. */
export type Arriving = {
  readonly client: ClientAddress | undefined;
  readonly mount: Mount;
  readonly pairs: Uint8Array;
};

const requestIdPrefix = 'explained-';

/**
 * Each request in these bytes, by the parser, the checks and the encoder that the server runs. Nothing is dispatched, no
 * clock is read: rules that need time, a worker or other clients do not show. What a refusal that ends its connection leaves
 * unread is not explained. At least one explanation, also of no bytes.
 */
export function explain(
  bytes: Uint8Array,
  policy: PolicyInForce,
  arriving: Arriving,
  context: ParserContext,
): readonly Explanation[] {
  const reader = new Reader(policy, arriving, context);
  return reader.read(bytes);
}

type Draft = { -readonly [Key in keyof Explanation]: Explanation[Key] };

class Reader implements ParserHandler {
  readonly #policy: PolicyInForce;
  readonly #arriving: Arriving;
  readonly #parser: RequestParser;
  readonly #encoder: EnvironEncoder;
  readonly #inspection = new Inspection();
  readonly #explanations: Explanation[] = [];
  #draft: Draft;
  #contentBytes = 0;
  #isChunked = false;

  constructor(policy: PolicyInForce, arriving: Arriving, context: ParserContext) {
    this.#policy = policy;
    this.#arriving = arriving;
    this.#parser = new RequestParser(context, policy.headLimits, this);
    this.#encoder = new EnvironEncoder(requestIdPrefix, arriving.mount);
    this.#draft = this.#begin();
  }

  read(bytes: Uint8Array): readonly Explanation[] {
    this.#parser.receive(bytes);
    while (this.#draft.verdict !== 'incomplete') {
      this.#explanations.push(this.#draft);
      if (this.#parser.waitingBytes === 0) break;
      this.#draft = this.#begin();
      this.#parser.limits = this.#policy.headLimits;
      this.#parser.resume();
    }
    if (this.#draft.verdict === 'incomplete') this.#explanations.push(this.#draft);
    this.#parser.free();
    return this.#explanations;
  }

  onRequestHead(head: RequestHead): void {
    const draft = this.#draft;
    draft.requestLine = `${head.method} ${head.latin1(head.targetStart, head.targetEnd)}`;
    this.#contentBytes = 0;
    this.#isChunked = head.framing === 'chunked';
    draft.rejection = this.#inspect(head) ?? null;
    draft.observed = [...this.#inspection.observed];
    if (draft.rejection === null) {
      draft.environ = pairsOf(this.#encoder.encode(head, this.#inspection, this.#arriving.pairs, 1));
    } else {
      draft.verdict = 'refuse';
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
    this.#draft.verdict = 'refuse';
    this.#draft.rejection ??= rejection;
    this.#draft.environ = null;
  }

  #inspect(head: RequestHead): Rejection | undefined {
    const malformed = inspectForm(head, this.#inspection);
    if (malformed !== undefined) return malformed;
    const effective = this.#policy.for(head, this.#inspection);
    this.#draft.effective = effective;
    this.#parser.limits = effective.parserLimits;
    this.#inspection.client = this.#arriving.client;
    const rejection = inspect(head, effective, this.#inspection);
    if (rejection !== undefined || isBelow(this.#inspection, this.#arriving.mount)) return rejection;
    return reject('target.not-mounted', `not below ${this.#arriving.mount.scriptName}`);
  }

  #begin(): Draft {
    const effective = this.#policy.general;
    return { verdict: 'incomplete', rejection: null, observed: [], effective, requestLine: null, environ: null };
  }
}

function pairsOf(block: Uint8Array): Readonly<Record<string, string>> {
  const texts = Buffer.from(block).toString('latin1').split('\0');
  const pairs = texts.flatMap((key, index) => (index % 2 === 0 && key !== '' ? [[key, texts[index + 1] ?? '']] : []));
  return Object.fromEntries(pairs);
}

import type { RequestHead } from '../http1/request-head.ts';
import type { RequestParser } from '../http1/request-parser.ts';
import type { Rejection } from '../rejection/rejection.ts';
import type { Recorder } from '../telemetry/recorder.ts';

/** Who sent a request, and under which policy. */
export type Sender = { readonly client: string; readonly policy: string };

const NOTHING = Buffer.alloc(0);
const END_OF_HEAD = '\r\n\r\n';

/**
 * The request that a connection receives, kept as far as a refusal would have to show it. Only connections whose refusals are
 * recorded have one: a head that may still be refused when the parser has let go of it, for its content, is copied.
 */
export class ReceivedRequest {
  private readonly recorder: Recorder;
  private readonly parser: RequestParser;
  private head: Uint8Array | undefined;
  private route: string | null = null;
  private content: Uint8Array = NOTHING;

  constructor(recorder: Recorder, parser: RequestParser) {
    this.recorder = recorder;
    this.parser = parser;
    if (recorder.contentBytes > 0) parser.onRawContent = (bytes) => this.keepContent(bytes);
  }

  /** While the parser tells the head. */
  keepHead({ framing, hasUnknownCoding }: RequestHead): void {
    const head = this.parser.headSoFar;
    if (head === undefined || (framing === 'none' && !hasUnknownCoding)) return;
    const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
    this.head = Buffer.from(bytes.subarray(0, bytes.indexOf(END_OF_HEAD) + END_OF_HEAD.length));
  }

  takeRoute(label: string | null): void {
    this.route = label;
  }

  /** Nothing of it can be refused any more for what the client did. */
  forget(): void {
    this.head = undefined;
    this.route = null;
    this.content = NOTHING;
  }

  /** What is not the client's doing, or came before a byte of a head, is no request that could be shown. */
  record(rejection: Rejection, { client, policy }: Sender, observed: boolean): void {
    const { rule, status, detail } = rejection;
    const head = this.parser.headSoFar ?? this.head;
    if (head === undefined || !blamesClient(rejection)) return;
    const { route, content } = this;
    this.recorder.record({ client, rule, status, detail, policy, route, observed, head, content });
  }

  private keepContent(bytes: Uint8Array): void {
    const room = this.recorder.contentBytes - this.content.length;
    if (room > 0) this.content = Buffer.concat([this.content, bytes.subarray(0, room)]);
  }
}

/** Not the application (502, 504), nor the lack of room (503); and it answers at all. */
function blamesClient({ status }: Rejection): boolean {
  return status !== null && (status < 502 || status > 504);
}

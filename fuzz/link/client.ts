import type { Rejection } from '../../src/rejection/rejection.ts';
import type { NodeDispatcher } from '../../src/upstream/node.ts';
import { RecordingSink } from '../../test/upstream/recording-sink.ts';

/** Content of a request, and of a response, that may be under way; small, so that short inputs reach it. */
export type Windows = { readonly content: number; readonly response: number };
export const windows: Windows = { content: 16, response: 24 };
export const windowsAfterReload: Windows = { content: 12, response: 8 };

/** What the client of a request does. `hasContent`: it sends ten bytes at once and as many as are granted later. */
type Behaviour = {
  readonly hasContent?: boolean;
  /** It takes nothing of the response. */
  readonly isSlow?: boolean;
  /** It is gone at the first call of this name; `at once`: before any. */
  readonly leavesAt?: 'at once' | 'respond' | 'respondContent' | 'grantContent';
  /** Our own fault, in a call of this name. */
  readonly throwsAt?: 'respond' | 'respondContent' | 'grantContent';
};
export const behaviours: readonly Behaviour[] = [
  {},
  { hasContent: true, isSlow: true },
  { hasContent: true, leavesAt: 'grantContent' },
  { throwsAt: 'respondContent' },
  // From here on they wait in the queue until another one has ended.
  { leavesAt: 'respond' },
  { hasContent: true, throwsAt: 'grantContent' },
  { isSlow: true, leavesAt: 'respondContent' },
  { leavesAt: 'at once' },
  { throwsAt: 'respond' },
];

/** One for all: a stack trace costs more than the rest of a run. */
const ownFault = new Error('a sink that throws');

/** One client, held to the order of its calls, to its windows, and to silence once it is gone. */
export class Client extends RecordingSink {
  readonly windows: Windows;
  readonly #behaviour: Behaviour;
  #acknowledged = 0;
  #sent = 0;
  isGone = false;
  hasThrown = false;

  constructor(index: number, behaviour: Behaviour, windows: Windows) {
    super(`${index}`, { isFast: false });
    this.windows = windows;
    this.#behaviour = behaviour;
  }

  start(dispatcher: NodeDispatcher): void {
    const { hasContent = false } = this.#behaviour;
    this.dispatch(dispatcher, Buffer.from(`N\0${this.requestId}\0`), hasContent ? null : undefined);
    if (hasContent) this.#send(10);
    this.#leave('at once');
  }

  override respond(bytes: Uint8Array, headStart: number, headEnd: number, contentEnd: number, end: boolean): void {
    super.respond(bytes, headStart, headEnd, contentEnd, end);
    this.#told('respond');
  }

  override respondContent(content: Uint8Array, end: boolean): void {
    super.respondContent(content, end);
    this.#told('respondContent');
  }

  override grantContent(bytes: number): void {
    super.grantContent(bytes);
    if (this.granted > this.#sent) this.violations.push('granted more than was sent');
    this.#told('grantContent');
    if (this.isGone) return;
    // The end comes in the middle of what is granted.
    this.#send(bytes);
    if (this.granted > 20) this.request?.endContent();
  }

  override fail(rejection: Rejection): void {
    if (this.hasThrown) this.violations.push('fail after it threw');
    super.fail(rejection);
  }

  #told(call: 'respond' | 'respondContent' | 'grantContent'): void {
    if (this.hasThrown) this.violations.push(`${call} after it threw`);
    if (this.contentBytes - this.#acknowledged > this.windows.response) this.violations.push('more than the window');
    const taken = this.contentBytes - this.#acknowledged;
    if (taken > 0 && this.outcome === null && this.#behaviour.isSlow !== true) {
      this.#acknowledged = this.contentBytes;
      this.acknowledge(taken);
    }
    this.#leave(call);
    if (this.#behaviour.throwsAt !== call || this.hasThrown) return;
    this.hasThrown = true;
    throw ownFault;
  }

  #leave(call: Behaviour['leavesAt']): void {
    if (this.#behaviour.leavesAt !== call || this.outcome !== null || this.isGone) return;
    this.isGone = true;
    this.abort();
  }

  #send(bytes: number): void {
    this.#sent += bytes;
    this.request?.sendContent(Buffer.alloc(bytes, 'c'));
  }
}

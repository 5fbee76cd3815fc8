import type { AdmissionSink } from '../admit/admission.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { EffectivePolicy } from '../policy/effective.ts';
import type { Rejection } from '../rejection/rejection.ts';
import { isDeliveredComplete } from './delivery.ts';
import type { Edge } from './edge-context.ts';

/** What a request that is held back asks of its exchange. */
export interface HeldRequestOwner {
  readonly clientKey: string | null;
  /** It may pass: its content may come, as far as it has not. */
  admitted(): void;
  /** All that it has waited for is there. `environ` is read before this returns. */
  release(environ: Uint8Array): void;
  observe(rejection: Rejection): void;
  refuse(rejection: Rejection): void;
  fault(error: unknown): void;
}

/**
 * One request between its checks and its dispatch, where something has to be waited for: that rate limits let it pass, that
 * all of its content is there, or both. Requests that wait for neither have none of these.
 */
export class HeldRequest implements AdmissionSink {
  private readonly edge: Edge;
  private readonly owner: HeldRequestOwner;
  private readonly observesRate: boolean;
  private isAdmitted: boolean;
  private contentIsHere: boolean;
  private readonly isChunked: boolean;
  /** A copy, once there is something to wait for. */
  private environ: Buffer | undefined;

  constructor(edge: Edge, owner: HeldRequestOwner, head: RequestHead, policy: EffectivePolicy) {
    this.edge = edge;
    this.owner = owner;
    this.observesRate = policy.observed?.has('rate.exceeded') === true;
    this.isAdmitted = policy.rateLimits === null;
    this.isChunked = head.framing === 'chunked';
    this.contentIsHere = !isDeliveredComplete(head, policy, edge.dispatcher);
  }

  static isNeeded(edge: Edge, head: RequestHead, policy: EffectivePolicy): boolean {
    return policy.rateLimits !== null || isDeliveredComplete(head, policy, edge.dispatcher);
  }

  /** Asks the rate limits, while `head` is valid. The answer may come later. */
  admit(head: RequestHead, { rateLimits }: EffectivePolicy): Rejection | undefined {
    if (rateLimits === null) return undefined;
    const outcome = this.edge.admission.admit(head, rateLimits, this.owner.clientKey, this);
    if (outcome === 'pending') return undefined;
    const rejection = outcome === null ? undefined : this.unlessObserved(outcome);
    this.isAdmitted = rejection === undefined;
    return rejection;
  }

  get isReady(): boolean {
    return this.isAdmitted && this.contentIsHere;
  }

  /** It is not ready: `environ` is copied. */
  keep(environ: Uint8Array): void {
    this.environ = Buffer.from(environ);
    if (this.isAdmitted) this.owner.admitted();
  }

  /** The length is known now, whatever the transfer coding: the application is told, as if the client had. */
  contentIsComplete(length: number): void {
    this.contentIsHere = true;
    if (this.environ === undefined) return;
    if (this.isChunked) this.environ = Buffer.concat([this.environ, Buffer.from(`CONTENT_LENGTH\0${length}\0`)]);
    this.goOn();
  }

  /** The client has gone, or was refused. */
  cancel(): void {
    this.environ = undefined;
    if (!this.isAdmitted) this.edge.admission.cancel(this);
  }

  get heldBytes(): number {
    return this.environ?.length ?? 0;
  }

  // From the rate limits.

  admitted(): void {
    if (this.environ === undefined) return;
    this.isAdmitted = true;
    try {
      this.owner.admitted();
      this.goOn();
    } catch (error) {
      this.owner.fault(error);
    }
  }

  refused(rejection: Rejection): void {
    try {
      if (this.unlessObserved(rejection) === undefined) this.admitted();
      else this.owner.refuse(rejection);
    } catch (error) {
      this.owner.fault(error);
    }
  }

  private unlessObserved(rejection: Rejection): Rejection | undefined {
    if (!this.observesRate || rejection.rule !== 'rate.exceeded') return rejection;
    this.owner.observe(rejection);
    return undefined;
  }

  private goOn(): void {
    const { environ } = this;
    if (environ === undefined || !this.isReady) return;
    this.environ = undefined;
    this.owner.release(environ);
  }
}

import type { Policy } from '../policy/policy.ts';
import type { ChildState } from './child-handle.ts';

/** An edge, as far as it enforces a policy. */
export interface PolicyEdge {
  readonly state: ChildState;
  /** It answers, and its handle calls `adopted`. */
  adopt(version: number, policy: Policy): void;
  kill(reason: string): void;
}

/** An edge answers within one turn of its event loop. One that cannot is stuck, and its clients wait already. */
const adoptMs = 10_000;

/**
 * The policy of this server: what every edge is started with, and what those that live are told. Versions tell the answers
 * apart.
 */
export class PolicyOfEdges {
  version = 1;
  policy: Policy;
  readonly #milliseconds: number;
  /** Edges that have yet to answer, each with what ends its wait. */
  readonly #waiting = new Map<PolicyEdge, (hasAdopted: boolean) => void>();

  constructor(policy: Policy, milliseconds = adoptMs) {
    this.policy = policy;
    this.#milliseconds = milliseconds;
  }

  /**
   * Resolves when no edge is left that would serve a request under an older policy: each of them has answered or is gone.
   * One that boots is asked as well, since it was started with the old one. Not to be called again before. Answers how many
   * have answered.
   */
  async replace(policy: Policy, edges: readonly PolicyEdge[]): Promise<number> {
    this.policy = policy;
    this.version += 1;
    const answers = await Promise.all(edges.map((edge) => this.#tell(edge)));
    return answers.filter((hasAdopted) => hasAdopted).length;
  }

  /** The edge says that this version is in force. */
  adopted(edge: PolicyEdge, version: number): void {
    if (version === this.version) this.#waiting.get(edge)?.(true);
  }

  gone(edge: PolicyEdge): void {
    this.#waiting.get(edge)?.(false);
  }

  #tell(edge: PolicyEdge): Promise<boolean> {
    return new Promise((resolve) => {
      const deadline = setInterval(() => {
        // Its boot has a deadline of its own, and an application that is loaded inside the edge may take long.
        if (edge.state !== 'booting') edge.kill(`did not adopt the policy within ${this.#milliseconds / 1000} s`);
      }, this.#milliseconds);
      this.#waiting.set(edge, (hasAdopted) => {
        clearInterval(deadline);
        this.#waiting.delete(edge);
        resolve(hasAdopted);
      });
      edge.adopt(this.version, this.policy);
    });
  }
}

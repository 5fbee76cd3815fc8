import { type AdmitLimit, type LimitInForce, limitsInForce } from '../../src/admit/limit-in-force.ts';

const perClient: AdmitLimit = {
  name: 'per-client',
  key: 'client',
  requests: 100,
  perMs: 1000,
  burst: 320,
  blockMs: 0,
  cost: 1,
  accuracy: 'leased',
};

export function limitOf(changes: Partial<AdmitLimit> = {}): AdmitLimit {
  return { ...perClient, ...changes };
}

export function inForce(...limits: readonly Partial<AdmitLimit>[]): readonly LimitInForce[] {
  return limitsInForce(limits.map(limitOf)) ?? [];
}

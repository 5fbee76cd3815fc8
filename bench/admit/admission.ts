import { Admission } from '../../src/admit/admission.ts';
import { type AdmitLimit, limitsInForce } from '../../src/admit/limit-in-force.ts';
import { RequestHead } from '../../src/http1/request-head.ts';

/**
 * Nanoseconds of CPU time for the rate limits of one request: under limits that are out of reach, as nearly all requests are, with
 * leases that the master grants in full; and above one, as in a flood.
 */
const ROUNDS = 15;
const CALLS = 200_000;
const CLIENTS = 1000;

const perClient: AdmitLimit = {
  name: 'per-client',
  key: 'client',
  requests: 1_000_000_000,
  perMs: 1000,
  burst: 1_000_000_000,
  blockMs: 0,
  cost: 1,
  accuracy: 'leased',
};
const perRoute = { ...perClient, name: 'all', key: 'route' };
const clients = Array.from({ length: CLIENTS }, (_, index) => `192.0.${index >> 8}.${index & 255}`);
const head = new RequestHead();
const sink = { admitted: (): void => {}, refused: (): void => {} };

/** A master that answers at once. `share`: of what is asked for. */
function admission(share: number): Admission {
  const policy = { timeoutMs: 100, outage: 'local', maxKeys: 100_000, maxWaiting: 10_000 } as const;
  // Time stands still here, and is read as a request reads it.
  const clock = {
    now: () => performance.now() * 0,
    after: () => () => {},
    atEndOfTurn: (run: () => void) => run(),
  };
  const stage: Admission = new Admission(
    policy,
    clock,
    (batch, takes) => {
      const grants = takes.map(([, , tokens]) => [tokens * share, share === 1 ? 0 : 60_000] as const);
      setImmediate(() => stage.answer(batch, grants));
    },
    { limited: () => {} },
  );
  return stage;
}

type Contender = { readonly stage: Admission; readonly limits: readonly AdmitLimit[]; readonly clients: number };

const contenders: Readonly<Record<string, Contender>> = {
  'one limit, one client': { stage: admission(1), limits: [perClient], clients: 1 },
  [`one limit, ${CLIENTS} clients in turn`]: { stage: admission(1), limits: [perClient], clients: CLIENTS },
  [`two limits, ${CLIENTS} clients in turn`]: { stage: admission(1), limits: [perClient, perRoute], clients: CLIENTS },
  'no limit: the clock': { stage: admission(1), limits: [], clients: 1 },
  'one limit, refused': { stage: admission(0), limits: [perClient], clients: 1 },
};

const times: Record<string, number[]> = {};
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, { stage, limits, clients: count }] of Object.entries(contenders)) {
    const ready = limitsInForce(limits) ?? [];
    if (round === 0) await lease(stage, ready, count);
    const start = process.cpuUsage();
    for (let call = 0; call < CALLS; call++) stage.admit(head, ready, clients[call % count] ?? null, sink);
    const { user, system } = process.cpuUsage(start);
    const nanoseconds = ((user + system) * 1000) / CALLS;
    times[name] ??= [];
    if (round > 0) times[name].push(nanoseconds);
  }
}
console.log(`medians of ${ROUNDS} rounds of ${CALLS} calls`);
for (const [name, all] of Object.entries(times)) {
  const sorted = all.sort((left, right) => left - right);
  console.log(`${name}: ${(sorted[ROUNDS >> 1] ?? Number.NaN).toFixed(0)} ns`);
}

/** One request of each client, and the answer to it. */
async function lease(stage: Admission, ready: NonNullable<ReturnType<typeof limitsInForce>>, count: number) {
  for (const client of clients.slice(0, count)) stage.admit(head, ready, client, { ...sink });
  for (let turn = 0; turn < 2 * ready.length; turn++) await new Promise((resolve) => setImmediate(resolve));
}

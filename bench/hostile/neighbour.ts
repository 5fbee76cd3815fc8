import { helloContent, requestBytes } from '../load/browser-request.ts';
import { Client } from '../load/client.ts';
import { quantile } from '../statistics.ts';

/** Not the attackers' address, so that what holds for one client does not hold for the other. */
const ADDRESS = '127.0.0.2';
const REQUESTS_PER_SECOND = 200;
const CONNECTIONS = 8;
/** Every so many requests a connection is dropped before its next one: who comes anew has to get in, too. */
const FRESH_EVERY = 20;
const TURN_MS = 5;
const PATIENCE_MS = 2000;

export type Visit = {
  /** Seconds, ascending; of a request that failed or was not answered, the length of the whole visit. */
  readonly waits: Float64Array;
  readonly failed: number;
};

export function p99({ waits }: Visit): number {
  return quantile(waits, 0.99);
}

export function together(visits: readonly Visit[]): Visit {
  return {
    waits: Float64Array.from(visits.flatMap(({ waits }) => [...waits])).sort(),
    failed: visits.reduce((sum, { failed }) => sum + failed, 0),
  };
}

/**
 * A well-behaved client: requests at a steady rate on a few connections. A request waits from when it was due, whether or
 * not a connection is free for it; how late this process notices that it is due is not the server's doing and left out.
 */
export async function visit(port: number, seconds: number): Promise<Visit> {
  const exercise = { port, localAddress: ADDRESS, request: requestBytes('keep-alive'), content: helloContent };
  const total = REQUESTS_PER_SECOND * seconds;
  const worst = seconds + PATIENCE_MS / 1000;
  const waits: number[] = [];
  const waiting: number[] = [];
  const free: Slot[] = [];
  let due = 0;
  let sent = 0;
  let failed = 0;
  let onAnswered = (): void => {};

  const finish = (slot: Slot, wait: number): void => {
    waits.push(wait);
    free.push(slot);
    sendWaiting();
    if (waits.length === total) onAnswered();
  };
  const slots = Array.from({ length: CONNECTIONS }, () => {
    const slot: Slot = {
      dueAt: 0,
      client: new Client(
        exercise,
        () => finish(slot, (performance.now() - slot.dueAt) / 1000),
        () => {
          failed += 1;
          finish(slot, worst);
        },
      ),
    };
    return slot;
  });
  free.push(...slots);
  function sendWaiting(): void {
    while (waiting.length > 0) {
      const slot = free.shift();
      if (slot === undefined) return;
      slot.dueAt = waiting.shift() ?? 0;
      sent += 1;
      if (sent % FRESH_EVERY === 0) slot.client.close();
      slot.client.send();
    }
  }

  const start = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const dueNow = Math.min(total, Math.floor(((now - start) / 1000) * REQUESTS_PER_SECOND));
    for (; due < dueNow; due++) waiting.push(now);
    sendWaiting();
  }, TURN_MS);
  let patience: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    onAnswered = resolve;
    patience = setTimeout(resolve, seconds * 1000 + PATIENCE_MS);
  });
  clearInterval(timer);
  clearTimeout(patience);
  for (const { client } of slots) client.close();
  const unanswered = total - waits.length;
  for (let count = 0; count < unanswered; count++) waits.push(worst);
  return { waits: Float64Array.from(waits).sort(), failed: failed + unanswered };
}

type Slot = { readonly client: Client; dueAt: number };

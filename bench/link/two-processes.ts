/**
 * What a request costs on each side of the link, with a real worker process: CPU of both, and requests a second.
 * Run: npm run build && node --import tsx bench/link/two-processes.ts [in flight] [requests]
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ResponseSink } from '../../src/upstream/dispatch.ts';
import { WorkerProcess } from '../../test/worker/worker-process.ts';
import { browserEnviron } from './browser-environ.ts';
import { built, builtUrl } from './built.ts';

const { NodeDispatcher } = await built<typeof import('../../src/upstream/node.ts')>('upstream/node.js');
const { openErrorLog } = await built<typeof import('../../src/telemetry/error-log.ts')>('telemetry/error-log.js');

const inFlight = Number(process.argv[2] ?? 64);
const requests = Number(process.argv[3] ?? 400_000);
const privateDirectory = mkdtempSync(join(tmpdir(), 'link-bench-'));
const dispatcher = new NodeDispatcher({
  contentWindowBytes: 65536,
  responseWindowBytes: 1048576,
  maxEnvironBytes: 262144,
  maxResponseHeadBytes: 65536,
  requestsPerWorker: 1000,
  queueMax: 1000,
  helloMs: 10_000,
  privateDirectory,
  log: openErrorLog({ level: 'warning' }),
});
const app = fileURLToPath(new URL('../../examples/hello.js', import.meta.url));
const worker = await new WorkerProcess(app, null, [fileURLToPath(builtUrl('worker/worker.js'))]).started();
worker.connect(await dispatcher.expectWorker(1, worker.pid));

const environ = browserEnviron();
let left = 0;
let done: () => void = () => {};
let ready = 0;
/** One keep-alive connection: its next request comes in a later turn, as from a client. */
class Client implements ResponseSink {
  readonly requestId = 'bench';
  respond(_bytes: Uint8Array, _headStart: number, _headEnd: number, _contentEnd: number, end: boolean): void {
    if (end) this.next();
  }
  respondContent(_content: Uint8Array, end: boolean): void {
    if (end) this.next();
  }
  grantContent(): void {}
  readonly ageMs = 0;
  dispatched(): void {}
  takenBack(): void {}
  fail(): void {
    throw new Error('the worker failed');
  }
  next(): void {
    left--;
    if (left === 0) done();
    if (++ready === 1) setImmediate(turn);
    waiting.push(this);
  }
}
const waiting: Client[] = [];
function turn(): void {
  ready = 0;
  const clients = waiting.splice(0);
  if (left <= 0) return;
  for (const client of clients) dispatcher.dispatch(environ, false, client);
}

async function run(count: number): Promise<void> {
  left = count;
  waiting.length = 0;
  const finished = new Promise<void>((resolve) => {
    done = resolve;
  });
  for (let i = 0; i < inFlight; i++) dispatcher.dispatch(environ, false, new Client());
  await finished;
  while (dispatcher.inFlight > 0) await new Promise((resolve) => setImmediate(resolve));
}

/** User and system time of a process so far, in microseconds. */
function cpuOf(pid: number): { readonly user: number; readonly system: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return { user: Number(fields[11]) * 10_000, system: Number(fields[12]) * 10_000 };
}

await run(50_000);
for (let round = 0; round < 3; round++) {
  const before = [cpuOf(process.pid), cpuOf(worker.pid)];
  const start = performance.now();
  await run(requests);
  const seconds = (performance.now() - start) / 1000;
  const after = [cpuOf(process.pid), cpuOf(worker.pid)];
  const cost = (index: number): string => {
    const [from, to] = [before[index], after[index]];
    if (from === undefined || to === undefined) return '';
    return `${((to.user - from.user) / requests).toFixed(2)} us user, ${((to.system - from.system) / requests).toFixed(2)} us system`;
  };
  console.log(`${Math.round(requests / seconds)} requests/s; edge side ${cost(0)}; worker side ${cost(1)}`);
}
dispatcher.close();
await worker.stop();
rmSync(privateDirectory, { recursive: true });

/**
 * What one request costs in a worker, step by step, without the socket: nanoseconds of `examples/hello.js`.
 * Run: npm run build && node --import tsx bench/link/worker-request.ts
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { browserEnviron } from './browser-environ.ts';
import { built } from './built.ts';

const { EnvironDecoder } = await built<typeof import('../../src/worker/decode-environ.ts')>('worker/decode-environ.js');
const { environConstants } = await built<typeof import('../../src/worker/environ-app.ts')>('worker/environ-app.js');
const { WorkerRequest } = await built<typeof import('../../src/worker/worker-request.ts')>('worker/worker-request.js');
const { FrameBatch } = await built<typeof import('../../src/link/frame-batch.ts')>('link/frame-batch.js');
const { StartedFile } = await built<typeof import('../../src/link/started-file.ts')>('link/started-file.js');
const { InlineDispatcher } = await built<typeof import('../../src/upstream/inline.ts')>('upstream/inline.js');
const { loadApp } = await built<typeof import('../../src/worker/load-app.ts')>('worker/load-app.js');
const { openErrorLog } = await built<typeof import('../../src/telemetry/error-log.ts')>('telemetry/error-log.js');

const calls = 300_000;
/** Frames of so many requests leave in one write. */
const requestsPerBatch = 16;

/** The best of several rounds: what is slower was disturbed. */
function measure(what: string, call: (index: number) => void): void {
  for (let index = 0; index < calls / 4; index++) call(index);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 6; round++) {
    const start = performance.now();
    for (let index = 0; index < calls; index++) call(index);
    best = Math.min(best, ((performance.now() - start) * 1e6) / calls);
  }
  console.log(`${what.padEnd(44)} ${best.toFixed(0).padStart(6)} ns`);
}

const app = await loadApp({ path: fileURLToPath(new URL('../../examples/hello.js', import.meta.url)), name: null });
const environ = browserEnviron();
const decoder = new EnvironDecoder(environConstants(true));
const log = openErrorLog({ level: 'warning' });
const windows = { contentWindowBytes: 65_536, responseWindowBytes: 1_048_576 };
const context = { app, appName: 'hello.js:app', requestHooks: null, log, decoder, maxHeadBytes: 65_536, ...windows };
let bytesWritten = 0;
const socket = {
  writableLength: 0,
  destroyed: false,
  write: (bytes: Uint8Array) => {
    bytesWritten += bytes.length;
  },
};
const batch = new FrameBatch(socket);
const owner = { requestEnded: () => {} };
const folder = mkdtempSync(join(tmpdir(), 'link-bench-'));
const started = StartedFile.create(join(folder, 'started'), 1);

let seen = 0;
measure('decode the environ', () => {
  seen += decoder.decode(environ, 0, environ.length) === null ? 0 : 1;
});
measure('decode, call, encode the response', (index) => {
  const decoded = decoder.decode(environ, 0, environ.length);
  if (decoded === null) throw new Error('malformed environ');
  new WorkerRequest(index, decoded, false, context, batch, owner).exchange.run();
  if (index % requestsPerBatch === 0) batch.flush();
});
measure(`mark as begun, in ${tmpdir()}`, (index) => started.publish(index));
const inline = new InlineDispatcher({
  app,
  appName: 'hello.js:app',
  requestHooks: null,
  log,
  multiprocess: false,
  maxResponseHeadBytes: 65_536,
  ...windows,
});
const sink = {
  requestId: 'bench',
  respond: () => {
    seen += 1;
  },
  respondContent: () => {},
  grantContent: () => {},
  ageMs: 0,
  dispatched: () => {},
  takenBack: () => {},
  fail: () => {},
};
measure('inline: dispatch to response', () => {
  inline.dispatch(environ, false, sink);
});
started.close();
rmSync(folder, { recursive: true });
if (seen === 0 || bytesWritten === 0) throw new Error('nothing was measured');

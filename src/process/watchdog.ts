import { Worker } from 'node:worker_threads';

/** The child's end of a socket pair with the master, opened in every child. */
export const lifelineDescriptor = 4;
/** What the master writes to the lifeline to hear where the main thread is. */
export const stackQuestion = '?';
/** Ends the answer. */
export const stackAnswerEnd = '\0';

/**
 * The end of the lifeline means that the master is gone, however it went. The main thread may be spinning in an application,
 * so a thread of its own waits for that end. It waits in its event loop and not in a blocking read, because the exit of a
 * process joins its threads and would wait for that read for ever.
 *
 * A master that was killed leaves its private directory; an edge is told of it and removes it.
 *
 * The one thing that the master writes to it is the question where the main thread is, before it ends a child that has fallen
 * silent. The thread then looks by the inspector's session between threads: V8 interrupts the main thread's JavaScript, no
 * port is opened, and until somebody asks nothing of it is loaded. A thread in a native call that does not return answers
 * nothing, and the master waits only so long.
 */
const watchdogSource = `
const { rmSync } = require('node:fs');
const { Socket } = require('node:net');
const { fileURLToPath } = require('node:url');
const { workerData: directory } = require('node:worker_threads');

const maxFrames = 50;
let isAsked = false;

const die = () => {
  try {
    if (directory !== '') rmSync(directory, { recursive: true, force: true });
  } finally {
    process.kill(process.pid, 'SIGKILL');
  }
};

const lifeline = new Socket({ fd: ${lifelineDescriptor}, readable: true, writable: true });
lifeline.on('error', die).on('close', die).on('data', () => {
  if (isAsked) return;
  isAsked = true;
  try {
    lookAtMainThread((text) => lifeline.write(text + ${JSON.stringify(stackAnswerEnd)}));
  } catch {
    // This Node has no inspector: the master waits only so long.
  }
});

function lookAtMainThread(answer) {
  const { Session } = require('node:inspector');
  const session = new Session();
  const urls = new Map();
  session.on('Debugger.scriptParsed', ({ params }) => urls.set(params.scriptId, params.url));
  session.on('Debugger.paused', ({ params }) => {
    const frames = params.callFrames.slice(0, maxFrames).map((frame) => line(frame, urls));
    session.disconnect();
    answer(frames.join('\\n'));
  });
  session.connectToMainThread();
  session.post('Debugger.enable');
  session.post('Debugger.pause');
}

function line({ functionName, location, url }, urls) {
  const place = placeOf(urls.get(location.scriptId) || url);
  return 'at ' + (functionName || '<anonymous>') + ' (' + place + ':' + (location.lineNumber + 1) + ':' + (location.columnNumber + 1) + ')';
}

function placeOf(url) {
  return url.startsWith('file:') ? fileURLToPath(url) : url || '<anonymous>';
}
`;
const watchdogLimits = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1, codeRangeSizeMb: 8, stackSizeMb: 1 };

/** `privateDirectory`: of a master that was killed, to be removed; empty: somebody else does. `failed`: nobody watches any more. */
export function startWatchdog(privateDirectory: string, failed: (error: unknown) => void): void {
  const watchdog = new Worker(watchdogSource, {
    eval: true,
    workerData: privateDirectory,
    execArgv: [],
    env: {},
    resourceLimits: watchdogLimits,
  });
  watchdog.unref();
  watchdog.on('error', failed);
}

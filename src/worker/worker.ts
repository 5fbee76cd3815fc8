import { bootChild } from '../process/child.ts';
import type { JavaScriptWorkerStart, MasterToWorker, WorkerToMaster } from '../process/control-messages.ts';
import { showPhase } from '../process/title.ts';
import { openErrorLog } from '../telemetry/error-log.ts';
import { stackOf } from '../telemetry/stack.ts';
import type { EnvironApp } from './app-interface.ts';
import { appName, type JavaScriptApp } from './app-target.ts';
import { type HooksOrder, loadHooks, type WorkerHooks } from './hooks.ts';
import { AppLoadError, loadApp } from './load-app.ts';
import { watchLoadedFiles } from './loaded-files.ts';
import { RequestQuota } from './request-quota.ts';
import { WorkerLink } from './worker-link.ts';

/** DESIGN section 7. */
const exitBootFailed = 3;
/** An edge that lives welcomes at once; one that is stopped or dead does not. */
const welcomeMs = 10_000;
/** After an exception that nobody caught, requests that run may finish for so long. */
const crashMs = 5_000;

/** One worker process: runs one application for the edges that the master names. */
let state: 'waiting' | 'loading' | 'running' | 'draining' = 'waiting';
let exitStatus = 0;
let log = openErrorLog({ level: 'info' });
let hooks: WorkerHooks | undefined;
let running: { readonly app: EnvironApp; readonly name: string } | undefined;
let quota = new RequestQuota(0, () => {});
let tellFiles = (): void => {};
const links = new Set<WorkerLink>();

const master = bootChild<MasterToWorker<JavaScriptWorkerStart>, WorkerToMaster>((message) => {
  switch (message.type) {
    case 'start':
      log = openErrorLog({ level: message.logLevel, format: message.errorLogFormat });
      quota = new RequestQuota(message.maxRequests, () => master.send({ type: 'max-requests' }));
      if (message.tellsFiles) tellFiles = watchLoadedFiles((files) => master.send({ type: 'loaded-files', files }));
      void start(message.app, message.hooks);
      break;
    case 'connect':
      openLink(message.path, message.token, message.startedPath);
      break;
    case 'drain':
      drain();
      break;
    case 'stop':
      hooks?.workerInt();
      process.exit(0);
      break;
  }
});

// A promise that nobody awaits is seldom worth the other requests of this process.
process.on('unhandledRejection', (reason) => {
  log.error('unhandled rejection in the application', stackOf(reason));
});

// After an exception that nobody caught, the application's state is unknown: no new requests, and a fresh process.
process.on('uncaughtException', (error) => {
  if (state === 'waiting' || state === 'loading') {
    fail(new AppLoadError('The application threw while it was loaded.', stackOf(error)));
    return;
  }
  log.critical('uncaught exception in the application; this worker ends', stackOf(error));
  giveUp();
});

async function start(target: JavaScriptApp, order: HooksOrder | null): Promise<void> {
  state = 'loading';
  try {
    hooks = await loadHooks(order, log);
    hooks.postFork();
    running = { app: await loadApp(target), name: appName(target) };
    // What was required while it ran, and not imported, may have been seen by nobody yet.
    tellFiles();
    await hooks.postWorkerInit();
  } catch (error) {
    fail(error);
    return;
  }
  if (state !== 'loading') return;
  state = 'running';
  // First: whoever reads the title may take it that the master knows.
  master.send({ type: 'started' });
  showPhase('serving');
}

function fail(error: unknown): void {
  const exitCode = error instanceof AppLoadError ? error.exitCode : exitBootFailed;
  const stack = error instanceof AppLoadError ? error.appStack : stackOf(error);
  const message = error instanceof Error ? error.message : String(error);
  tellFiles();
  master.send({ type: 'failed', exitCode, message: stack === null ? message : `${message}\n${stack}` });
  process.exit(exitCode);
}

function openLink(path: string, token: string, startedPath: string): void {
  if (state !== 'running' || running === undefined) return;
  const onClosed = (): void => {
    links.delete(link);
    exitIfDrained();
  };
  const onFault = (reason: string): void => {
    log.critical(`an edge refused this worker: ${reason}`);
    giveUp();
  };
  const { app, name } = running;
  const onBegin = (): void => quota.take();
  const requestHooks = hooks?.requests ?? null;
  let link: WorkerLink;
  try {
    link = new WorkerLink({
      path,
      token,
      startedPath,
      welcomeMs,
      app,
      appName: name,
      requestHooks,
      log,
      onBegin,
      onFault,
      onClosed,
    });
  } catch (error) {
    log.error('cannot open a link to an edge', stackOf(error));
    return;
  }
  links.add(link);
}

function drain(): void {
  state = 'draining';
  showPhase('draining');
  for (const link of links) link.drain();
  exitIfDrained();
}

/** This process is not fit to go on; the master starts another. */
function giveUp(): void {
  exitStatus = 1;
  setTimeout(() => process.exit(exitStatus), crashMs).unref();
  drain();
}

function exitIfDrained(): void {
  if (state === 'draining' && links.size === 0) process.exit(exitStatus);
}

import type { Config } from '../config/config.ts';
import type { Log } from '../telemetry/error-log.ts';
import { bootFailure, logFailure } from './child-end.ts';
import { exitRunning, exitWorkerBoot } from './processes.ts';
import { type Entries, ownEntries, workerStarter } from './start-child.ts';
import { becomeUser, PlaceError } from './system-place.ts';

/**
 * `--check-config`: a worker loads the application and is thrown away with all that the loading did. It runs as the user that it
 * would have; where we may not become that one, it still says whether the application loads.
 */
export async function checkApp(config: Config, log: Log, entries: Entries = ownEntries): Promise<number> {
  // There is nothing to load, and whether the servers are there now says nothing of the time of the start.
  if (config.app.kind === 'uwsgi') return 0;
  try {
    if (process.geteuid?.() === 0) becomeUser(config);
  } catch (error) {
    if (!(error instanceof PlaceError)) throw error;
    log.error(error.message);
    return exitRunning;
  }
  return loadOnce(config, log, entries);
}

function loadOnce(config: Config, log: Log, entries: Entries): Promise<number> {
  return new Promise((resolve) => {
    let hasLoaded = false;
    const services = { policy: () => config.policy, hooks: () => null, errorOutput: null };
    const worker = workerStarter(config, entries, services)(1, 0, {
      leaving: () => {},
      maxRequestsReached: () => {},
      stuck: () => {},
      loadedFiles: () => {},
      serving: () => {
        hasLoaded = true;
        worker.stop();
      },
      gone: (exit) => {
        const failure = bootFailure('Worker', worker.pid, exit, exitWorkerBoot);
        if (!hasLoaded) logFailure(log, failure);
        resolve(hasLoaded ? 0 : failure.exitCode);
      },
    });
  });
}

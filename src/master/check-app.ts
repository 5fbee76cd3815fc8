import type { Config } from '../config/config.ts';
import type { Log } from '../telemetry/error-log.ts';
import { bootFailure, logFailure } from './child-end.ts';
import { exitWorkerBoot } from './master.ts';
import { type Entries, ownEntries, workerStarter } from './start-child.ts';

/** `--check-config`: a worker loads the application and is thrown away with all that the loading did. */
export function checkApp(config: Config, log: Log, entries: Entries = ownEntries): Promise<number> {
  return new Promise((resolve) => {
    let hasLoaded = false;
    const worker = workerStarter(
      config,
      entries,
      () => config.policy,
      null,
    )(1, {
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

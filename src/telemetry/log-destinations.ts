import { atMost } from './at-most.ts';
import { LineQueue, type LineQueueOptions } from './line-queue.ts';
import { LogFile } from './log-file.ts';
import { standardStream } from './standard-stream.ts';
import { type SyslogOptions, syslogTag } from './syslog.ts';
import { syslogTarget } from './syslog-stream.ts';

/** Standard output for the access log, standard error for the error log. */
export const standardStreamName = '-';

export type LogDestinations = {
  /** Absolute, or `-`; null: none. */
  readonly file: string | null;
  readonly syslog: SyslogOptions | null;
};

export type AccessLogConfig = LogDestinations & { readonly format: string };
export type ErrorLogFormat = 'text' | 'json';
export type ErrorLogConfig = LogDestinations & { readonly format: ErrorLogFormat };

/** As long as the end of a process may wait for its last lines. */
const SETTLE_MS = 1_000;

/** Where one log of this process goes to. */
export class Destinations {
  readonly file: LineQueue | null;
  readonly syslog: LineQueue | null;

  constructor({ file, syslog }: LogDestinations, log: 'access' | 'error', options: LineQueueOptions) {
    this.file = file === null ? null : new LineQueue(fileTarget(file, log), options);
    this.syslog =
      syslog === null
        ? null
        : new LineQueue(syslogTarget(syslog.address, syslogTag(syslog, log)), {
            ...options,
            name: `${options.name} in syslog`,
            // Here a loss is told in the other place.
            lossLine: () => '',
          });
  }

  /** USR1. */
  reopen(): void {
    this.file?.reopen();
  }

  /** Resolves when all lines are written or lost, or cannot be waited for any longer. */
  settled(): Promise<void> {
    return atMost(SETTLE_MS, Promise.all([this.file?.settled(), this.syslog?.settled()]));
  }
}

function fileTarget(file: string, log: 'access' | 'error') {
  return file === standardStreamName ? standardStream(log === 'access' ? 1 : 2) : new LogFile({ path: file });
}

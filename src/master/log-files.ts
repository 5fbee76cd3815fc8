import type { Config } from '../config/config.ts';
import { reasonOf } from '../telemetry/failure-reason.ts';
import { standardStreamName } from '../telemetry/log-destinations.ts';
import { type FileOwner, prepareLogFile } from '../telemetry/log-file.ts';

/** A log cannot be had. `message` is one line for the operator. */
export class LogFileError extends Error {
  override readonly name = 'LogFileError';
}

/** Throws `LogFileError`. */
export function prepareLogFiles(config: Config, owner: FileOwner | null): void {
  const [problem] = logFileProblems(config, owner);
  if (problem !== undefined) throw new LogFileError(problem);
}

/**
 * Makes the files of the logs while the master may still do so: what edges cannot open for want of rights they could not write
 * at all. At the start and before every reopening; `owner` is the user that edges run as, where that is another. Answers
 * what is wrong.
 */
export function logFileProblems({ accessLog, errorLog }: Config, owner: FileOwner | null = null): readonly string[] {
  const files = [accessLog?.file, errorLog.file];
  return files.flatMap((file) => {
    if (file == null || file === standardStreamName) return [];
    try {
      prepareLogFile(file, owner);
      return [];
    } catch (error) {
      return [`The log file ${JSON.stringify(file)} cannot be opened: ${reasonOf(error)}`];
    }
  });
}

import type { Log, LogLevel } from '../error-log.ts';
import type { LoggedKind } from './edge-counts.ts';

/** The log, and each warning and error counted: also one that its level, or its limit of lines, leaves out. */
export function countLogged(log: Log, count: (kind: LoggedKind) => void): Log {
  return {
    debug: (text, stack) => log.debug(text, stack),
    info: (text, stack) => log.info(text, stack),
    warning: (text, stack) => {
      count('warning');
      log.warning(text, stack);
    },
    error: (text, stack) => {
      count(stack === undefined ? 'error' : 'exception');
      log.error(text, stack);
    },
    critical: (text, stack) => {
      count('critical');
      log.critical(text, stack);
    },
    limited: (kind, text, level: LogLevel = 'warning') => {
      if (level !== 'debug' && level !== 'info') count(level);
      log.limited(kind, text, level);
    },
  };
}

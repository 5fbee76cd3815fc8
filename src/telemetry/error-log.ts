import type { ErrorLogFormat } from './log-destinations.ts';
import { errorLogTime } from './log-time.ts';

/**
 * The error log, line for line in Gunicorn's format:
 * `[2014-09-10 10:22:28 +0000] [30869] [INFO] Listening at: http://127.0.0.1:8000 (30869)`.
 */
export const logLevels = ['debug', 'info', 'warning', 'error', 'critical'] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * What the rest of the program sees of the log. `text` becomes exactly one line: control characters of a client's bytes
 * are escaped here, so that no request can forge a line or drive a terminal. `stack` (a stack trace, an application's
 * message) follows on indented lines.
 */
export interface Log {
  debug(text: string, stack?: string): void;
  info(text: string, stack?: string): void;
  warning(text: string, stack?: string): void;
  error(text: string, stack?: string): void;
  critical(text: string, stack?: string): void;
  /**
   * For lines that a client can cause at will: of one `kind` (a rule id) only the first few of a second are written,
   * then one line with the number left out.
   */
  limited(kind: string, text: string, level?: LogLevel): void;
}

export type LogClock = { now(): number; after(milliseconds: number, run: () => void): void };

export type LogOptions = {
  readonly level: LogLevel;
  /** `json`: one object a line, with `time`, `pid`, `level`, `message` and, where there is more, `stack`. */
  readonly format?: ErrorLogFormat;
  readonly pid?: number;
  /** Receives whole lines with their line end. */
  readonly write?: (lines: string) => void;
  readonly clock?: LogClock;
  /** Lines of one kind a second. */
  readonly limit?: number;
};

const maxTextLength = 4096;
const maxStackLines = 60;
/** Kinds are names in our code; the bound holds where one is made from something else by mistake. */
const maxKinds = 256;
const limitWindowMs = 1000;
/** Log bytes that may wait for a reader of standard error that has stopped; what comes then is dropped and counted. */
const maxWaitingBytes = 1024 * 1024;

export function isLogLevel(name: string): name is LogLevel {
  return (logLevels as readonly string[]).includes(name);
}

export function openErrorLog(options: LogOptions): Log {
  const { level, format = 'text', pid = process.pid, clock = systemClock, limit = 10 } = options;
  const { write = writeToStandardError() } = options;
  const threshold = logLevels.indexOf(level);
  const windows = new Map<string, { written: number; suppressed: number }>();

  const log = (severity: LogLevel, text: string, stack?: string): void => {
    if (logLevels.indexOf(severity) < threshold) return;
    write(errorLine(format, { now: clock.now(), pid, level: severity, text, stack }));
  };

  const limited = (kind: string, text: string, severity: LogLevel = 'warning'): void => {
    if (logLevels.indexOf(severity) < threshold) return;
    const name = windows.has(kind) || windows.size < maxKinds ? kind : 'others';
    let window = windows.get(name);
    if (window === undefined) {
      const opened = { written: 0, suppressed: 0 };
      windows.set(name, opened);
      window = opened;
      clock.after(limitWindowMs, () => {
        windows.delete(name);
        if (opened.suppressed > 0) log(severity, `${opened.suppressed} more lines of ${name} suppressed`);
      });
    }
    if (window.written < limit) {
      window.written += 1;
      log(severity, text);
    } else {
      window.suppressed += 1;
    }
  };

  return {
    debug: (text, stack) => log('debug', text, stack),
    info: (text, stack) => log('info', text, stack),
    warning: (text, stack) => log('warning', text, stack),
    error: (text, stack) => log('error', text, stack),
    critical: (text, stack) => log('critical', text, stack),
    limited,
  };
}

/**
 * C0, DEL, C1, the Unicode line ends and the marks that reorder a line on a screen become `\xNN` or `\uNNNN`, a
 * backslash becomes two (else an escape could be forged); a long text is cut.
 */
export function escapeControls(text: string): string {
  return limitText(text).replace(steersTerminalsOrEscapes, (character) => {
    if (character === '\\') return '\\\\';
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}

const steersTerminals = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]/gu;
const steersTerminalsOrEscapes = new RegExp(`${steersTerminals.source}|\\\\`, 'gu');

function limitText(text: string): string {
  return text.length > maxTextLength ? `${text.slice(0, maxTextLength)}...` : text;
}

/** One event, as both forms tell it. */
export type ErrorLogEvent = {
  readonly now: number;
  readonly pid: number;
  readonly level: LogLevel;
  readonly text: string;
  readonly stack: string | undefined;
};

/** With its line end, and those of the stack. */
export function errorLine(format: ErrorLogFormat, event: ErrorLogEvent): string {
  return format === 'json' ? jsonLine(event) : textLine(event);
}

function textLine({ now, pid, level, text, stack }: ErrorLogEvent): string {
  const head = `[${errorLogTime(now)}] [${pid}] [${level.toUpperCase()}] `;
  return `${head}${escapeControls(text)}\n${stack === undefined ? '' : indent(stack)}`;
}

/** What a terminal takes for a command, JSON leaves as it is. */
function jsonLine({ now, pid, level, text, stack }: ErrorLogEvent): string {
  const event = { time: new Date(now).toISOString(), pid, level, message: limitText(text), stack: limitStack(stack) };
  return `${JSON.stringify(event).replace(steersTerminals, (character) => {
    const code = character.charCodeAt(0);
    return `\\u${code.toString(16).padStart(4, '0')}`;
  })}\n`;
}

function limitStack(stack: string | undefined): string | undefined {
  return stack?.split(/\r?\n/, maxStackLines).map(limitText).join('\n');
}

function indent(stack: string): string {
  const lines = stack.split(/\r?\n/);
  const kept = lines.slice(0, maxStackLines).map((line) => `    ${escapeControls(line)}\n`);
  if (lines.length > maxStackLines) kept.push(`    ... ${lines.length - maxStackLines} more lines\n`);
  return kept.join('');
}

/** A log whose reader has gone or sleeps costs lines, never the server. */
function writeToStandardError(): (lines: string) => void {
  const { stderr } = process;
  stderr.on('error', () => {});
  let dropped = 0;
  return (lines) => {
    if (stderr.writableLength > maxWaitingBytes) {
      dropped += 1;
      return;
    }
    stderr.write(dropped === 0 ? lines : `${lines}    (${dropped} log lines before this one were dropped)\n`);
    dropped = 0;
  };
}

const systemClock: LogClock = {
  now: Date.now,
  after: (milliseconds, run) => {
    setTimeout(run, milliseconds).unref();
  },
};

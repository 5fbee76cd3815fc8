import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { ConfigError } from '../config/config.ts';
import { atMost } from '../telemetry/at-most.ts';
import { errorLine, isLogLevel, type LogLevel } from '../telemetry/error-log.ts';
import { reasonOf } from '../telemetry/failure-reason.ts';
import { Destinations, type ErrorLogConfig, standardStreamName } from '../telemetry/log-destinations.ts';
import { prepareLogFile } from '../telemetry/log-file.ts';
import { syslogLine, syslogTag } from '../telemetry/syslog.ts';

/** A line that is longer goes out in pieces; nothing of a child may grow in the master. */
const MAX_LINE_LENGTH = 64 * 1024;
/** What was started by a child that has ended may hold its standard error for as long as it likes. */
const RELAY_MS = 200;

/** Of our own lines, whichever process wrote them. */
const ownText = /^\[[^\]]+\] \[(\d+)\] \[([A-Z]+)\] (.*)$/s;
const ownJson = /^\{"time":"[^"]+","pid":(\d+),"level":"([a-z]+)",/;
const indented = /^ {4}/;

type Entry = { readonly pid: number; readonly level: LogLevel; readonly text: string };

/** Null: it goes to standard error as it is, and children have that too. Throws `ConfigError`. */
export function openErrorOutput(config: ErrorLogConfig): ErrorOutput | null {
  const { file, syslog, format } = config;
  if (file === standardStreamName && syslog === null && format === 'text') return null;
  try {
    if (file !== null && file !== standardStreamName) prepareLogFile(file);
  } catch (error) {
    throw new ConfigError(`the error log ${JSON.stringify(file)} cannot be opened: ${reasonOf(error)}`, 1);
  }
  return new ErrorOutput(config);
}

/**
 * The error log where it is a file, JSON or syslog. One process writes it: the others have a pipe to the master for standard
 * error, so that it also has what applications print, and the last words of a process that dies. A child that floods it loses
 * lines, as whoever writes to a full disk does; neither waits.
 */
export class ErrorOutput {
  readonly #config: ErrorLogConfig;
  readonly #destinations: Destinations;
  readonly #relays = new Set<Promise<void>>();

  constructor(config: ErrorLogConfig) {
    this.#config = config;
    this.#destinations = new Destinations(config, 'error', {
      name: 'error log',
      log: null,
      lossLine: ({ lines, reason }) => {
        const text = `${lines} lines of this log were lost: ${reason}`;
        return errorLine(config.format, {
          now: Date.now(),
          pid: process.pid,
          level: 'warning',
          text,
          stack: undefined,
        });
      },
      encoding: 'utf8',
    });
  }

  /** What the log of this process writes. */
  write(lines: string): void {
    this.#take(lines, process.pid, undefined);
  }

  /** The standard error of a child, until its end. */
  relay(pid: number, stream: Readable): void {
    const decoder = new StringDecoder('utf8');
    let partial = '';
    let last: Entry | undefined;
    stream.on('data', (chunk: Buffer) => {
      partial += decoder.write(chunk);
      const end = partial.lastIndexOf('\n') + 1;
      if (end > 0) last = this.#take(partial.slice(0, end), pid, last);
      partial = partial.slice(end);
      if (partial.length <= MAX_LINE_LENGTH) return;
      last = this.#take(`${partial}\n`, pid, last);
      partial = '';
    });
    stream.on('error', () => {});
    const ended = new Promise<void>((resolve) => {
      stream.on('close', () => {
        if (partial !== '') this.#take(`${partial}\n`, pid, last);
        this.#relays.delete(ended);
        resolve();
      });
    });
    this.#relays.add(ended);
  }

  /** USR1. */
  reopen(): void {
    this.#destinations.reopen();
  }

  /** Resolves when all that was written so far has arrived or is lost. */
  async settled(): Promise<void> {
    await atMost(RELAY_MS, Promise.all(this.#relays));
    await this.#destinations.settled();
  }

  /** `last` is what an indented line belongs to; answered is what the next ones do. */
  #take(lines: string, pid: number, last: Entry | undefined): Entry | undefined {
    const { file, syslog } = this.#destinations;
    const { format } = this.#config;
    if (format === 'text') file?.write(lines);
    if (format === 'text' && syslog === null) return undefined;
    let entry = last;
    for (const line of lines.split('\n').slice(0, -1)) {
      const own = entryOf(line);
      entry = own ?? (indented.test(line) && entry !== undefined ? { ...entry, text: line } : foreign(pid, line));
      if (format === 'json') file?.write(own === undefined ? asJson(entry) : `${line}\n`);
      this.#toSyslog(entry);
    }
    return entry;
  }

  #toSyslog({ level, pid, text }: Entry): void {
    const options = this.#config.syslog;
    if (options === null || text === '') return;
    const tag = syslogTag(options, 'error');
    this.#destinations.syslog?.write(syslogLine(options.facility, level, tag, pid, text));
  }
}

/** Undefined: no log of ours wrote it. */
function entryOf(line: string): Entry | undefined {
  const text = ownText.exec(line);
  const json = text === null ? ownJson.exec(line) : null;
  const level = (text ?? json)?.[2]?.toLowerCase();
  if (level === undefined || !isLogLevel(level)) return undefined;
  return { pid: Number((text ?? json)?.[1]), level, text: text?.[3] ?? line };
}

/** What an application prints, or Node itself. */
function foreign(pid: number, text: string): Entry {
  return { pid, level: 'error', text };
}

function asJson({ pid, level, text }: Entry): string {
  return errorLine('json', { now: Date.now(), pid, level, text, stack: undefined });
}

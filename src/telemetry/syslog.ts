import type { LogLevel } from './error-log.ts';
import type { LineSink } from './line-queue.ts';

/** Source: SYSLOG_FACILITIES in gunicorn/glogging.py, which are those of RFC 3164 section 4.1.1. */
export const syslogFacilities: Readonly<Record<string, number>> = {
  auth: 4,
  authpriv: 10,
  cron: 9,
  daemon: 3,
  ftp: 11,
  kern: 0,
  lpr: 6,
  mail: 2,
  news: 7,
  security: 4,
  syslog: 5,
  user: 1,
  uucp: 8,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
};

/** Severities of RFC 3164, as Python's handler maps levels to them. */
const severities: Readonly<Record<LogLevel, number>> = { critical: 2, error: 3, warning: 4, info: 6, debug: 7 };

export type SyslogAddress =
  | { readonly kind: 'udp' | 'tcp'; readonly host: string; readonly port: number }
  /** Null: whichever of the two the socket is. */
  | { readonly kind: 'unix'; readonly path: string; readonly type: 'stream' | 'dgram' | null };

export type SyslogOptions = {
  readonly address: SyslogAddress;
  readonly facility: number;
  /** `portcullis.PREFIX.access`, `portcullis.PREFIX.error`. */
  readonly prefix: string;
};

export function syslogTag({ prefix }: SyslogOptions, log: 'access' | 'error'): string {
  return `portcullis.${prefix}.${log}`;
}

/**
 * `<14>portcullis.site.access: [30869] text`, as Gunicorn's handler sends it: without a time and a host, which the receiver has.
 * RFC 3164 section 4.3.3 has receivers take that.
 */
export function syslogLine(facility: number, level: LogLevel, tag: string, pid: number, text: string): string {
  return `<${facility * 8 + severities[level]}>${tag}: [${pid}] ${text}\n`;
}

/** The access log as syslog has it. */
export function syslogAccessLines(sink: LineSink, options: SyslogOptions): LineSink {
  const tag = syslogTag(options, 'access');
  return { write: (line) => sink.write(syslogLine(options.facility, 'info', tag, process.pid, line.trimEnd())) };
}

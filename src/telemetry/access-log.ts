import { jsonText } from './access-log-escape.ts';
import { type AccessLogFormat, compileAccessLogFormat } from './access-log-format.ts';
import { jsonAccessLogFormat } from './access-log-json.ts';
import type { Log } from './error-log.ts';
import type { LineSink, Loss } from './line-queue.ts';
import { type AccessLogConfig, Destinations } from './log-destinations.ts';
import { type HeadToLog, LoggedRequest } from './logged-request.ts';
import type { RecordToLog } from './logged-values.ts';
import { syslogAccessLines } from './syslog.ts';

/** `json` is a format of its own; anything else is one of Gunicorn's kind. Throws `FormatMistake`. */
export const jsonFormat = 'json';

export function accessLogFormat(format: string): AccessLogFormat {
  return format === jsonFormat ? jsonAccessLogFormat : compileAccessLogFormat(format);
}

export type AccessLogOptions = {
  readonly format: AccessLogFormat;
  readonly requestIdPrefix: string;
  /** Each gets every line. */
  readonly sinks: readonly LineSink[];
  readonly now?: () => number;
};

type ClientToLog = { readonly remote: { readonly address: string } };

/** A line for each request that is over. */
export class AccessLog {
  private readonly format: AccessLogFormat;
  private readonly requestIdPrefix: string;
  private readonly sinks: readonly LineSink[];
  private readonly now: () => number;

  constructor({ format, requestIdPrefix, sinks, now = Date.now }: AccessLogOptions) {
    this.format = format;
    this.requestIdPrefix = requestIdPrefix;
    this.sinks = sinks;
    this.now = now;
  }

  begin(head: HeadToLog, client: ClientToLog): LoggedRequest {
    return new LoggedRequest(this.format.needs, head, client.remote.address);
  }

  beginWithoutHead(received: Uint8Array | undefined, client: ClientToLog): LoggedRequest {
    return new LoggedRequest(this.format.needs, received, client.remote.address);
  }

  end(record: RecordToLog): void {
    const { notes } = record;
    if (!(notes instanceof LoggedRequest)) return;
    const { requestIdPrefix } = this;
    const line = `${this.format.write({ request: notes, record, now: this.now(), requestIdPrefix })}\n`;
    for (const sink of this.sinks) sink.write(line);
  }
}

/** The access log of an edge, as its settings want it. */
export function openAccessLog(
  config: AccessLogConfig,
  requestIdPrefix: string,
  log: Log,
  onLost: (lines: number) => void = () => {},
): { readonly logger: AccessLog; readonly destinations: Destinations } {
  const destinations = new Destinations(config, 'access', {
    name: 'access log',
    log,
    lossLine: (loss) => lossLine(config.format, loss, Date.now()),
    encoding: 'latin1',
    onLost,
  });
  const sinks: LineSink[] = destinations.file === null ? [] : [destinations.file];
  const { syslog } = destinations;
  if (config.syslog !== null && syslog !== null) sinks.push(syslogAccessLines(syslog, config.syslog));
  return { logger: new AccessLog({ format: accessLogFormat(config.format), requestIdPrefix, sinks }), destinations };
}

/** The line that stands where others were lost: no reader should take a gap for a quiet hour. */
export function lossLine(format: string, { lines, reason }: Loss, now: number): string {
  const time = new Date(now).toISOString();
  if (format === jsonFormat) return `{"time":"${time}","lost":${lines},"reason":${jsonText(reason)}}\n`;
  return `# ${time} ${lines} lines were lost here: ${reason}\n`;
}

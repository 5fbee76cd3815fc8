import { parseSize } from '../policy/quantity.ts';
import { isLogLevel, type LogLevel, logLevels } from '../telemetry/error-log.ts';
import { parseAdminAddress } from './admin-address.ts';
import { type BindAddress, parseBindAddress } from './bind-address.ts';
import { ConfigError } from './config.ts';
import {
  parseAccessLogFormat,
  parseErrorLogFormat,
  parseFacility,
  parseSyslogAddress,
  parseSyslogPrefix,
} from './logging.ts';
import { parsePython, parsePythonPath } from './python-place.ts';
import { parseStoreAddress } from './rate-limit-store.ts';
import { parseContentBytes, parseMaskedNames, parseRecordBytes } from './recording.ts';
import { parseReloadEngine } from './reload-engine.ts';
import { parseScriptName } from './script-name.ts';
import { parseStatsdHost, parseStatsdText } from './statsd.ts';
import { parseName, parseUmask } from './system-settings.ts';
import { parseWorkerClass } from './worker-class.ts';

/**
 * Every setting, once: its flag, what help says about it and how its text is read. The environment
 * variable is the flag's name (`--log-level`, `PORTCULLIS_LOG_LEVEL`), so a setting is declared in one place only.
 */
export type Setting<Value> = {
  /**
   * As commander writes it; the last name is the one that messages use. Without `<value>` the flag alone says yes, which is
   * the text `1`, and the environment variable takes 1 or 0.
   */
  readonly flags: string;
  readonly group:
    | 'Configuration'
    | 'Listening'
    | 'Processes'
    | 'System'
    | 'Policy'
    | 'Limits and timeouts'
    | 'Logging'
    | 'Metrics';
  readonly about: string;
  /** Throws `ConfigError`, whose message is `origin` (where the text stands), a colon and the problem. */
  readonly parse: (text: string, origin: string) => Value;
  /** May be given more than once; all of them count. */
  readonly repeatable?: true;
  /** Another spelling of the flag, accepted and not shown. */
  readonly alias?: string;
  /** Only a flag sets it, no variable of its name. */
  readonly isFlagOnly?: true;
};

/** Long enough for any process count that makes sense on one machine; more is a typing error. */
const maxWorkers = 512;
export const maxEdges = 64;
/** Timers of Node hold 2^31 ms, about 24 days. */
const maxSeconds = 1_000_000;

const mostRequests = 2 ** 31 - 1;
/** Node takes about as much before it has loaded anything: a worker would be replaced as soon as it serves, again and again. */
const leastMemoryBytes = 64 * 1024 * 1024;
const mostMemoryBytes = 1024 ** 5;

const seconds = wholeNumber(0, maxSeconds, 'seconds');

export const settings = {
  config: {
    flags: '-c, --config <file>',
    group: 'Configuration',
    about: 'config file: JSON, YAML, a module, or one of Gunicorn (file.py, python:module)',
    parse: parsePath,
  },
  chdir: {
    flags: '--chdir <directory>',
    group: 'Configuration',
    about: 'the working directory of the application; its path, the policy and Unix sockets start there',
    parse: parsePath,
  },
  env: {
    flags: '-e, --env <KEY=value>',
    group: 'Configuration',
    about: 'a variable in the environment of the application; repeatable',
    parse: parseVariable,
    repeatable: true,
    // PORTCULLIS_ENV=production is what people set for programs of their own.
    isFlagOnly: true,
  },
  bind: {
    flags: '-b, --bind <address>',
    group: 'Listening',
    about:
      'host:port, [IPv6]:port, :port, unix:path or fd://number; repeatable (default 127.0.0.1:8000, or 0.0.0.0:$PORT)',
    parse: (text: string, origin: string): readonly BindAddress[] =>
      text.split(',').map((address) => parseBindAddress(address.trim(), origin)),
    repeatable: true,
  },
  backlog: {
    flags: '--backlog <number>',
    group: 'Listening',
    about: 'connections that wait in the kernel to be accepted (default 2048)',
    parse: wholeNumber(1, 65535),
  },
  scriptName: {
    flags: '--script-name <path>',
    group: 'Listening',
    about: 'the path that the application is mounted at: its SCRIPT_NAME (default none, or $SCRIPT_NAME)',
    parse: parseScriptName,
  },
  workers: {
    flags: '-w, --workers <number>',
    group: 'Processes',
    about: 'worker processes that run the application (default 1, or $WEB_CONCURRENCY)',
    parse: wholeNumber(1, maxWorkers),
  },
  workerClass: {
    flags: '-k, --worker-class <class>',
    group: 'Processes',
    about:
      'of a JavaScript application node (default) or inline, inside the edge; of a Python one sync (default) or gthread (default with --threads); of an upstream uwsgi',
    parse: parseWorkerClass,
  },
  workerConnections: {
    flags: '--worker-connections <number>',
    group: 'Processes',
    about: 'requests that may run in one worker at once (default 1000)',
    parse: wholeNumber(1, 65535),
  },
  threads: {
    flags: '--threads <number>',
    group: 'Processes',
    about: 'threads of a Python worker; a JavaScript application has one (default 1)',
    parse: wholeNumber(1, 1024),
  },
  python: {
    flags: '--python <file or folder>',
    group: 'Processes',
    about:
      'the Python that runs a Python application, or its virtual environment (default $VIRTUAL_ENV, .venv, python3)',
    parse: parsePython,
  },
  pythonpath: {
    flags: '--pythonpath <directories>',
    group: 'Processes',
    about: 'directories, separated by commas, in which Python looks for modules first',
    parse: parsePythonPath,
  },
  edges: {
    flags: '--edges <number>',
    group: 'Processes',
    about: 'processes that accept and parse (default 1)',
    parse: wholeNumber(1, maxEdges),
  },
  gracefulTimeout: {
    flags: '--graceful-timeout <seconds>',
    group: 'Processes',
    about: 'how long requests may go on after a TERM signal (default 30)',
    parse: seconds,
  },
  maxRequests: {
    flags: '--max-requests <number>',
    group: 'Processes',
    about: 'replace a worker after so many requests (default 0: never)',
    parse: wholeNumber(0, mostRequests),
  },
  maxRequestsJitter: {
    flags: '--max-requests-jitter <number>',
    group: 'Processes',
    about: 'up to so many requests more, drawn for each worker (default 0)',
    parse: wholeNumber(0, mostRequests),
  },
  maxMemory: {
    flags: '--max-memory <size>',
    group: 'Processes',
    about: 'replace a worker that holds more memory than this, as in 512MiB (default 0: never)',
    parse: parseMemory,
  },
  workerLifetime: {
    flags: '--worker-lifetime <seconds>',
    group: 'Processes',
    about: 'replace a worker after so long, and up to a tenth more (default 0: never)',
    parse: seconds,
  },
  preloadApp: {
    flags: '--preload',
    group: 'Processes',
    about: 'let one worker load the application before the others start',
    parse: parseSwitch,
  },
  reload: {
    flags: '--reload',
    group: 'Processes',
    about: 'for development: reload when a file that the application has loaded changes',
    parse: parseSwitch,
  },
  reloadEngine: {
    flags: '--reload-engine <engine>',
    group: 'Processes',
    about: 'auto, poll or inotify, which mean the same: files are looked at twice a second',
    parse: parseReloadEngine,
  },
  reloadExtraFiles: {
    flags: '--reload-extra-file <file>',
    group: 'Processes',
    about: 'with --reload: a further file to look at; repeatable',
    parse: (text: string, origin: string): readonly string[] => [parsePath(text, origin)],
    repeatable: true,
  },
  name: {
    flags: '-n, --name <name>',
    group: 'System',
    about: "what the processes are called in ps (default: the application's file)",
    parse: parseName,
  },
  pid: {
    flags: '-p, --pid <file>',
    group: 'System',
    about: 'write the process id of the master to this file',
    parse: parsePath,
  },
  daemon: {
    flags: '-D, --daemon',
    group: 'System',
    about: 'run in the background; returns when the server serves, or says why it does not',
    parse: parseSwitch,
  },
  user: {
    flags: '-u, --user <user>',
    group: 'System',
    about: 'become this user, a name or a number, when the addresses are bound; needs root',
    parse: parseAccount,
  },
  group: {
    flags: '-g, --group <group>',
    group: 'System',
    about: "become a member of this group alone (default: the user's)",
    parse: parseAccount,
  },
  initgroups: {
    flags: '--initgroups',
    group: 'System',
    about: 'keep the further groups that the user is a member of',
    parse: parseSwitch,
  },
  workerUser: {
    flags: '--worker-user <user[:group]>',
    group: 'System',
    about: 'run the workers as another user than the edges; the master then stays root',
    parse: parseAccount,
  },
  umask: {
    flags: '-m, --umask <mask>',
    group: 'System',
    about: 'mode bits that a bound Unix socket does not get, as in 0007 (default: the umask of the shell)',
    parse: parseUmask,
  },
  controlSocket: {
    flags: '--control-socket <path>',
    group: 'Processes',
    about: 'where portcullis ctl reaches this server, or off (default: a directory that only this user may enter)',
    parse: parsePath,
  },
  controlSocketDisable: {
    flags: '--no-control-socket',
    group: 'Processes',
    about: 'the same as --control-socket off',
    parse: parseSwitch,
  },
  policy: {
    flags: '-P, --policy <file>',
    group: 'Policy',
    about: 'policy file, or the name of a shipped policy; what the flags below say goes before it',
    parse: parsePath,
  },
  watchPolicy: {
    flags: '--watch-policy',
    group: 'Policy',
    about: 'load the policy again when its file, or one that it extends, changes; HUP does it once',
    parse: parseSwitch,
  },
  limitRequestLine: {
    flags: '--limit-request-line <bytes>',
    group: 'Limits and timeouts',
    about: 'longest request line, 0 to 8190 (default 4094; 0: no limit of its own)',
    parse: wholeNumber(0, 8190),
  },
  limitRequestFields: {
    flags: '--limit-request-fields <number>',
    group: 'Limits and timeouts',
    about: 'most header fields, 0 to 32768 (default 100; 0: no limit of its own)',
    parse: wholeNumber(0, 32768),
  },
  limitRequestFieldSize: {
    flags: '--limit-request-field-size <bytes>',
    group: 'Limits and timeouts',
    about: 'longest header field (default 8190; 0: no limit of its own)',
    parse: wholeNumber(0, 2 ** 31 - 1),
    alias: '--limit-request-field_size <bytes>',
  },
  timeout: {
    flags: '-t, --timeout <seconds>',
    group: 'Limits and timeouts',
    about: 'how long the application may take to answer (default 30; 0: no limit)',
    parse: seconds,
  },
  keepAlive: {
    flags: '--keep-alive <seconds>',
    group: 'Limits and timeouts',
    about: 'how long an idle connection is kept (default 5)',
    parse: seconds,
  },
  rateLimitStore: {
    flags: '--rate-limit-store <url>',
    group: 'Limits and timeouts',
    about: 'Redis or Valkey whose rate limits several servers share, redis://host:port (default: each has its own)',
    parse: parseStoreAddress,
  },
  logLevel: {
    flags: '--log-level <level>',
    group: 'Logging',
    about: `${logLevels.join(', ')} (default info)`,
    parse: parseLogLevel,
  },
  accessLogfile: {
    flags: '--access-logfile <file>',
    group: 'Logging',
    about: 'a line for each request goes there; - is standard output (default: none)',
    parse: parsePath,
  },
  accessLogformat: {
    flags: '--access-logformat <format>',
    group: 'Logging',
    about: "json, or a line of Gunicorn's atoms: %(h)s, %(r)s, ... (default: Gunicorn's)",
    parse: parseAccessLogFormat,
  },
  errorLogfile: {
    flags: '--error-logfile <file>',
    group: 'Logging',
    about: 'the error log, and what the application writes to standard error; - is standard error (default)',
    parse: parsePath,
    alias: '--log-file <file>',
  },
  errorLogformat: {
    flags: '--error-logformat <format>',
    group: 'Logging',
    about: 'text, or json: an object a line (default text)',
    parse: parseErrorLogFormat,
  },
  logSyslog: {
    flags: '--log-syslog',
    group: 'Logging',
    about: 'send the error log, and the access log, to syslog as well',
    parse: parseSwitch,
  },
  logSyslogTo: {
    flags: '--log-syslog-to <address>',
    group: 'Logging',
    about: 'udp://host:port, tcp://host:port, unix://path#stream or #dgram (default udp://localhost:514)',
    parse: parseSyslogAddress,
  },
  logSyslogPrefix: {
    flags: '--log-syslog-prefix <prefix>',
    group: 'Logging',
    about: 'entries are of the program portcullis.PREFIX.access or .error (default: the name of the application)',
    parse: parseSyslogPrefix,
  },
  logSyslogFacility: {
    flags: '--log-syslog-facility <facility>',
    group: 'Logging',
    about: 'the facility of syslog (default user)',
    parse: parseFacility,
  },
  disableRedirectAccessToSyslog: {
    flags: '--disable-redirect-access-to-syslog',
    group: 'Logging',
    about: 'keep the access log out of syslog',
    parse: parseSwitch,
  },
  record: {
    flags: '--record <file>',
    group: 'Logging',
    about: 'keep refused requests in this file, their secrets masked (default: none are kept)',
    parse: (text: string): string => text,
  },
  recordMax: {
    flags: '--record-max <size>',
    group: 'Logging',
    about: 'most bytes of recorded requests, the file before this one included (default 8MiB)',
    parse: parseRecordBytes,
  },
  recordMask: {
    flags: '--record-mask <names>',
    group: 'Logging',
    about: 'further fields whose values are masked, as in name,name; repeatable',
    parse: parseMaskedNames,
    repeatable: true,
  },
  recordContent: {
    flags: '--record-content <size>',
    group: 'Logging',
    about: 'keep so much of the content as well, unmasked, up to 64KiB (default none)',
    parse: parseContentBytes,
  },
  admin: {
    flags: '--admin <address>',
    group: 'Metrics',
    about: 'serve /metrics, /healthz and /readyz at host:port or unix:path (default: nowhere)',
    parse: parseAdminAddress,
  },
  statsdHost: {
    flags: '--statsd-host <address>',
    group: 'Metrics',
    about: "send metrics to StatsD by UDP, under Gunicorn's names, host:port (default: none are sent)",
    parse: parseStatsdHost,
  },
  statsdPrefix: {
    flags: '--statsd-prefix <prefix>',
    group: 'Metrics',
    about: 'stands in front of their names, with a dot (default none)',
    parse: parseStatsdText,
  },
  dogstatsdTags: {
    flags: '--dogstatsd-tags <tags>',
    group: 'Metrics',
    about: 'stand behind them, as DogStatsD has it: name:value,name (default none)',
    parse: parseStatsdText,
  },
} as const satisfies Record<string, Setting<unknown>>;

/** Not frozen by `as const`, for code that goes over all of them. */
export function settingOf(name: SettingName): Setting<unknown> {
  return settings[name];
}

export type SettingName = keyof typeof settings;
export const settingNames = Object.keys(settings) as readonly SettingName[];
export type SettingValue<Name extends SettingName> = ReturnType<(typeof settings)[Name]['parse']>;

/** `--log-level` of `-l, --log-level <level>`. */
export function longFlag(name: SettingName): string {
  return /--[a-z-]+/.exec(settings[name].flags)?.[0] ?? name;
}

function parsePath(text: string, origin: string): string {
  if (text !== '' && !text.includes('\0')) return text;
  throw new ConfigError(`${origin}: ${JSON.stringify(text)} is no path.`);
}

/** Looked up when the whole configuration is known: a group decides with its user. */
function parseAccount(text: string, origin: string): string {
  if (/^[^\s\0]+$/.test(text)) return text;
  throw new ConfigError(`${origin}: ${JSON.stringify(text)} is no name and no number.`);
}

/** One variable; a list, because the setting is repeatable. */
function parseVariable(text: string, origin: string): readonly (readonly [name: string, value: string])[] {
  const [, name, value] = /^([^=\0]+)=([^\0]*)$/s.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return [[name, value]];
  throw new ConfigError(`${origin}: ${JSON.stringify(text)} is not KEY=value.`);
}

/** The flag takes no value: its presence is its text. */
export function isSwitch(name: SettingName): boolean {
  return !settings[name].flags.includes('<');
}

function parseSwitch(text: string, origin: string): boolean {
  if (text === '1' || text === '0') return text === '1';
  throw new ConfigError(`${origin}: ${JSON.stringify(text)} is not 1 or 0.`);
}

/** Decimal digits and nothing else: not ` 4`, `+4`, `0x4`, `4e2` or `4.0`, which mean four things in four languages. */
function wholeNumber(least: number, most: number, unit = '') {
  return (text: string, origin: string): number => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    const what = unit === '' ? 'a whole number' : `a whole number of ${unit}`;
    throw new ConfigError(`${origin}: ${JSON.stringify(text)} is not ${what} from ${least} to ${most}.`);
  };
}

function parseMemory(text: string, origin: string): number {
  // 0 and numbers of bytes need no unit.
  const bytes = /^\d{1,16}$/.test(text) ? Number(text) : parseSize(text);
  if (bytes === 0 || (bytes !== undefined && bytes >= leastMemoryBytes && bytes <= mostMemoryBytes)) return bytes;
  throw new ConfigError(`${origin}: ${JSON.stringify(text)} is not 0 or a size of at least 64MiB, as in 512MiB.`);
}

function parseLogLevel(text: string, origin: string): LogLevel {
  const level = text.toLowerCase();
  if (isLogLevel(level)) return level;
  throw new ConfigError(`${origin}: ${JSON.stringify(text)} is not one of ${logLevels.join(', ')}.`);
}

import { accessSync, constants, statSync } from 'node:fs';
import { basename, dirname, extname, resolve } from 'node:path';
import { nearestNames } from '../suggestion/nearest-name.ts';
import { accessLogFormat, jsonFormat } from '../telemetry/access-log.ts';
import { atomNames, FormatMistake } from '../telemetry/access-log-format.ts';
import {
  type AccessLogConfig,
  type ErrorLogConfig,
  type ErrorLogFormat,
  standardStreamName,
} from '../telemetry/log-destinations.ts';
import { type SyslogAddress, type SyslogOptions, syslogFacilities } from '../telemetry/syslog.ts';
import { type AppTarget, shortNameOf } from '../worker/app-target.ts';
import { ConfigError } from './config.ts';
import type { GivenSettings } from './precedence.ts';
import { defaultsOfSettings } from './setting-defaults.ts';

const defaultSyslogPort = 514;
/** What containers call their output; opened by its name it would be a pipe that only root may open. */
const standardNames: readonly string[] = ['/dev/stdout', '/dev/stderr'];

/** Throws `ConfigError`; likewise the others. */
export function parseAccessLogFormat(text: string, origin: string): string {
  try {
    accessLogFormat(text);
    return text;
  } catch (error) {
    if (!(error instanceof FormatMistake)) throw error;
    const [nearest] = error.atom === null ? [] : nearestNames(error.atom, [...atomNames, '{name}i', '{name}o'], 1);
    const meant = nearest === undefined ? '' : ` Did you mean %(${nearest})s?`;
    throw new ConfigError(
      `${origin}: ${error.message}.${meant} docs/logs.md lists the atoms; "${jsonFormat}" needs none.`,
    );
  }
}

export function parseErrorLogFormat(text: string, origin: string): ErrorLogFormat {
  if (text === 'text' || text === 'json') return text;
  throw new ConfigError(`${origin}: ${JSON.stringify(text)} is not text or json.`);
}

export function parseFacility(text: string, origin: string): string {
  const name = text.toLowerCase();
  if (Object.hasOwn(syslogFacilities, name)) return name;
  const [nearest] = nearestNames(name, Object.keys(syslogFacilities), 1);
  const meant = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
  throw new ConfigError(`${origin}: there is no facility ${JSON.stringify(text)} of syslog.${meant}`);
}

/** It stands before the colon of each line: no space, colon or control may end it early. */
export function parseSyslogPrefix(text: string, origin: string): string {
  if (/^[\w.@/-]{1,64}$/.test(text)) return text;
  throw new ConfigError(
    `${origin}: ${JSON.stringify(text)} is no name of a program: letters, digits and . _ @ / -, at most 64 of them.`,
  );
}

/** `udp://host:port`, `tcp://host:port`, `unix://path`, `unix://path#stream`, `unix://path#dgram`, as in Gunicorn. */
export function parseSyslogAddress(text: string, origin: string): SyslogAddress {
  const [, path, type] = /^unix:\/\/([^#\0]+)(?:#(stream|dgram))?$/.exec(text) ?? [];
  if (path !== undefined) {
    return { kind: 'unix', path, type: type === 'stream' || type === 'dgram' ? type : null };
  }
  const [, kind, bracketed, name = 'localhost', digits] =
    /^(udp|tcp):\/\/(?:\[([0-9A-Fa-f:.]+)\]|([^\s[\]:/]+))?(?::(\d{1,5}))?$/.exec(text) ?? [];
  const port = digits === undefined ? defaultSyslogPort : Number(digits);
  if ((kind === 'udp' || kind === 'tcp') && port >= 1 && port <= 65535) return { kind, host: bracketed ?? name, port };
  throw new ConfigError(
    `${origin}: ${JSON.stringify(text)} is no address of syslog: udp://host:port, tcp://host:port, unix://path#stream or unix://path#dgram.`,
  );
}

/** Null: there is no access log. */
export function accessLogConfig(given: GivenSettings, app: AppTarget, directory: string): AccessLogConfig | null {
  const { accessLogfile, accessLogformat, disableRedirectAccessToSyslog } = given;
  const syslog = disableRedirectAccessToSyslog?.value === true ? null : syslogOptions(given, app, directory);
  const file = accessLogfile === undefined ? null : logFile(accessLogfile, '/dev/stdout', directory);
  if (file === null && syslog === null) return null;
  return { file, syslog, format: accessLogformat?.value ?? defaultsOfSettings.accessLogformat };
}

export function errorLogConfig(given: GivenSettings, app: AppTarget, directory: string): ErrorLogConfig {
  const { errorLogfile, errorLogformat } = given;
  return {
    file: errorLogfile === undefined ? standardStreamName : logFile(errorLogfile, '/dev/stderr', directory),
    syslog: syslogOptions(given, app, directory),
    format: errorLogformat?.value ?? defaultsOfSettings.errorLogformat,
  };
}

type Given = { readonly value: string; readonly origin: string };

function logFile({ value, origin }: Given, standardName: string, directory: string): string {
  if (value === standardStreamName || value === standardName) return standardStreamName;
  const path = resolve(directory, value);
  const fault = standardNames.includes(path) ? undefined : logFileFault(path);
  if (fault === undefined) return path;
  throw new ConfigError(`${origin}: ${JSON.stringify(value)} cannot be written to: ${fault}.`);
}

/** Found without making the file. */
function logFileFault(path: string): string | undefined {
  try {
    const file = statSync(path, { throwIfNoEntry: false });
    if (file?.isDirectory() === true) return 'it is a directory';
    accessSync(file === undefined ? dirname(path) : path, constants.W_OK);
    return undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'its folder does not exist';
    return error instanceof Error ? error.message : String(error);
  }
}

/** Null: no syslog. */
function syslogOptions(given: GivenSettings, app: AppTarget, directory: string): SyslogOptions | null {
  if (given.logSyslog?.value !== true) return null;
  const address = given.logSyslogTo?.value ?? defaultsOfSettings.logSyslogTo;
  return {
    address: address.kind === 'unix' ? { ...address, path: resolve(directory, address.path) } : address,
    facility: syslogFacilities[given.logSyslogFacility?.value ?? defaultsOfSettings.logSyslogFacility] ?? 1,
    prefix: given.logSyslogPrefix?.value ?? programName(app),
  };
}

/** Of the application, where Gunicorn has its module. */
function programName(app: AppTarget): string {
  const name = shortNameOf(app);
  return (app.kind === 'python' ? name : basename(name, extname(name))).replace(/[^\w.-]/g, '.').slice(0, 64) || 'app';
}

import type { StatsdNames } from '../telemetry/statsd/statsd-lines.ts';
import type { StatsdServer } from '../telemetry/statsd/statsd-sender.ts';
import { parseBindAddress } from './bind-address.ts';
import { ConfigError } from './config.ts';
import type { GivenSettings } from './precedence.ts';
import { defaultsOfSettings } from './setting-defaults.ts';

export type StatsdConfig = { readonly server: StatsdServer; readonly names: StatsdNames };

/** StatsD's own. */
const defaultPort = 8125;

/** Throws `ConfigError`. */
export function parseStatsdHost(text: string, origin: string): StatsdServer {
  const refuse = (reason: string): never => {
    throw new ConfigError(
      `${origin}: metrics cannot be sent to ${JSON.stringify(text)}: ${reason}; host:port is expected.`,
    );
  };
  if (text.startsWith('unix:')) return refuse('Node has no datagrams over Unix sockets');
  if (/^fd:|^:|^\d*$/.test(text)) return refuse('there is no host in it');
  const { kind, ...address } = parseBindAddress(/:\d+$|\]$/.test(text) ? text : `${text}:${defaultPort}`, origin);
  if (kind !== 'tcp' || !('port' in address) || address.port === 0) return refuse('the port is 0');
  return { host: address.host, port: address.port };
}

/** Goes into every line as it is, so it may end none. Throws `ConfigError`. */
export function parseStatsdText(text: string, origin: string): string {
  if (/^[^\x00-\x1f\x7f-\uffff|@]*$/.test(text)) return text;
  throw new ConfigError(`${origin}: ${JSON.stringify(text)} has a character that means something else to StatsD.`);
}

/** Null: nobody asked for it. As in Gunicorn, prefix and tags alone mean nothing. */
export function statsdFrom({ statsdHost, statsdPrefix, dogstatsdTags }: GivenSettings): StatsdConfig | null {
  if (statsdHost === undefined) return null;
  const prefix = statsdPrefix?.value ?? defaultsOfSettings.statsdPrefix;
  const tags = dogstatsdTags?.value ?? defaultsOfSettings.dogstatsdTags;
  return { server: statsdHost.value, names: { prefix, tags } };
}

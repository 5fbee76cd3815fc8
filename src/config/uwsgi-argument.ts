import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { nearestNames } from '../suggestion/nearest-name.ts';
import type { UwsgiAddress, UwsgiApp, UwsgiPlace } from '../worker/uwsgi-target.ts';
import { placeName } from '../worker/uwsgi-target.ts';
import { ConfigError } from './config.ts';

const forms =
  'An upstream is uwsgi://host:port, uwsgi://[IPv6 address]:port or uwsgi+unix:/path/of.sock, with ?weight=, ?buffer=, ?vars= and ?connections= behind it where needed; a comma stands between two.';
/** `sun_path` of unix(7) without its terminating NUL. */
const maxUnixPathBytes = 107;

type Options = Omit<UwsgiAddress, 'place'>;

/**
 * What stands behind the question mark. uWSGI's own defaults: `buffer-size` is 4096 and at most what the 16 bits of a packet
 * can say; `max-vars` is 64, and it keeps 4 places for each of them and 2 for each variable; `listen` is 100: one connection
 * more than fit there is dropped by the kernel of the server, without a word, and tried again after a second.
 */
const options = {
  weight: { key: 'weight', least: 1, most: 1000, usual: 1 },
  buffer: { key: 'bufferBytes', least: 512, most: 65_535, usual: 4096 },
  vars: { key: 'maxVariables', least: 32, most: 65_535, usual: 128 },
  connections: { key: 'connections', least: 1, most: 65_535, usual: 100 },
} as const satisfies Record<
  string,
  { readonly key: keyof Options; readonly least: number; readonly most: number; readonly usual: number }
>;
type OptionName = keyof typeof options;

/** An application whose servers are named, whatever mistakes are in it. */
export function isUwsgiArgument(argument: string): boolean {
  return /^uwsgi(?:\+unix)?:/.test(argument);
}

/** `uwsgi://10.0.0.1:3031?weight=3,uwsgi+unix:/run/b.sock`. Nothing is asked of the servers yet, nor of a name server. */
export function parseUwsgiArgument(argument: string, workingDirectory: string): UwsgiApp {
  const servers = argument.split(',').map((text) => parseServer(text, workingDirectory));
  const names = servers.map(({ place }) => placeName(place));
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) {
    throw new ConfigError(
      `${JSON.stringify(argument)} names ${repeated} twice. ?weight= is how it gets more requests.`,
    );
  }
  return { kind: 'uwsgi', servers };
}

function parseServer(text: string, workingDirectory: string): UwsgiAddress {
  const refuse = (reason: string): never => {
    throw new ConfigError(`${JSON.stringify(text)} is no uWSGI upstream: ${reason}. ${forms}`);
  };
  const mark = text.indexOf('?');
  const address = mark === -1 ? text : text.slice(0, mark);
  const query = mark === -1 ? null : text.slice(mark + 1);
  const place = parsePlace(address, workingDirectory, refuse);
  return { place, ...parseOptions(query, refuse) };
}

type Refuse = (reason: string) => never;

function parsePlace(address: string, workingDirectory: string, refuse: Refuse): UwsgiPlace {
  const path = /^uwsgi\+unix:(?:\/\/)?(.*)$/s.exec(address)?.[1];
  if (path !== undefined) {
    if (path === '' || path.includes('\0')) return refuse('the path of the Unix socket is missing');
    const absolute = resolve(workingDirectory, path);
    if (Buffer.byteLength(absolute) <= maxUnixPathBytes) return { path: absolute };
    return refuse(`the path of a Unix socket has at most ${maxUnixPathBytes} bytes`);
  }
  if (address.startsWith('uwsgi:///') || address.startsWith('uwsgi:/') !== address.startsWith('uwsgi://')) {
    return refuse('a Unix socket is written uwsgi+unix:/path');
  }
  const [, bracketed, name, digits] = /^uwsgi:\/\/(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(address) ?? [];
  const host = bracketed ?? name;
  if (host === undefined || host === '') return refuse('it has no host and port');
  if (bracketed !== undefined && isIP(bracketed) !== 6) return refuse('between the brackets stands an IPv6 address');
  if (bracketed === undefined && !/^[A-Za-z0-9._-]+$/.test(host)) return refuse('the host is no name and no address');
  const port = Number(digits ?? 0);
  return port >= 1 && port <= 65_535 ? { host, port } : refuse('the port is a number from 1 to 65535');
}

function parseOptions(query: string | null, refuse: Refuse): Options {
  const values = Object.fromEntries(Object.values(options).map(({ key, usual }) => [key, usual])) as {
    -readonly [Key in keyof Options]: number;
  };
  const seen = new Set<string>();
  for (const pair of query === null ? [] : query.split('&')) {
    const [name = '', text] = pair.split('=', 2);
    if (!isOptionName(name)) return refuse(`${JSON.stringify(name)} is none of its options.${meant(name)}`);
    if (seen.has(name)) return refuse(`${name} is given twice`);
    seen.add(name);
    const { key, least, most } = options[name];
    const value = /^\d{1,6}$/.test(text ?? '') ? Number(text) : 0;
    if (value < least || value > most) return refuse(`${name} is a number from ${least} to ${most}`);
    values[key] = value;
  }
  return values;
}

function isOptionName(name: string): name is OptionName {
  return Object.hasOwn(options, name);
}

function meant(name: string): string {
  const [nearest] = nearestNames(name, Object.keys(options), 1);
  return nearest === undefined ? '' : ` Did you mean ${nearest}?`;
}

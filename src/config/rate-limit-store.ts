import { isIPv6 } from 'node:net';
import { ConfigError } from './config.ts';

/** Where the counters of several servers are: one Redis or Valkey. */
export type StoreAddress = {
  readonly endpoint:
    | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls: boolean }
    | { readonly kind: 'unix'; readonly path: string };
  /** Empty: the default user. */
  readonly username: string;
  /** Empty: none. Not for logs or messages; `storeText` leaves it out. */
  readonly password: string;
  readonly database: number;
};

const defaultPort = 6379;
/** Valkey's names say the same. */
const schemes: Readonly<Record<string, { readonly tls: boolean }>> = {
  'redis:': { tls: false },
  'valkey:': { tls: false },
  'rediss:': { tls: true },
  'valkeys:': { tls: true },
};
const forms = 'redis://[user:password@]host[:port][/database], rediss:// for TLS, valkey://, valkeys:// or unix:/path';

/** The message never quotes the text, in which a password may stand anywhere. Throws `ConfigError`. */
export function parseStoreAddress(text: string, origin: string): StoreAddress {
  const refuse = (problem: string): never => {
    throw new ConfigError(`${origin}: ${problem}; the address of a rate-limit store is ${forms}.`);
  };
  const path = /^unix:(?:\/\/)?(\/[^\0]*)$/s.exec(text)?.[1];
  if (path !== undefined) return { endpoint: { kind: 'unix', path }, username: '', password: '', database: 0 };
  if (text.startsWith('unix:')) return refuse('the path of the Unix socket is not absolute');
  const url = URL.canParse(text) ? new URL(text) : refuse('this is no URL');
  const { tls } = schemes[url.protocol] ?? refuse('this is no URL of Redis or Valkey');
  if (url.hostname === '') return refuse('the host is missing');
  if (url.search !== '' || url.hash !== '') return refuse('the URL has a query or a fragment, which mean nothing here');
  const database = /^\/?(\d{0,6})$/.exec(url.pathname)?.[1] ?? refuse('the path is not the number of a database');
  const username = decoded(url.username) ?? refuse('the user has a "%" that escapes nothing');
  const password = decoded(url.password) ?? refuse('the password has a "%" that escapes nothing');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = url.port === '' ? defaultPort : Number(url.port);
  if (port === 0) return refuse('the port is 0');
  return { endpoint: { kind: 'tcp', host, port, tls }, username, password, database: Number(database) };
}

/** For people: without the password. */
export function storeText({ endpoint, username, database }: StoreAddress): string {
  if (endpoint.kind === 'unix') return `unix:${endpoint.path}`;
  const { host, port, tls } = endpoint;
  const user = username === '' ? '' : `${encodeURIComponent(username)}@`;
  const place = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  return `${tls ? 'rediss' : 'redis'}://${user}${place}${database === 0 ? '' : `/${database}`}`;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

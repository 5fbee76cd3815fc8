import { isIP } from 'node:net';
import { ConfigError } from './config.ts';

export type BindAddress =
  /** `host` is a name or an address, without brackets; port 0 lets the system choose. */
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }
  /** A socket that whoever started us has bound already (socket activation). */
  | { readonly kind: 'descriptor'; readonly descriptor: number };

export const defaultPort = 8000;
/** `sun_path` of unix(7) without its terminating NUL. */
const maxUnixPathBytes = 107;

/** Gunicorn's forms: `host:port`, `[v6]:port`, `:port` (all IPv4 addresses), `host`, `unix:path`, `fd://N`; and `port`. */
export function parseBindAddress(text: string, origin: string): BindAddress {
  const refuse = (reason: string): never => {
    throw new ConfigError(
      `${origin}: cannot listen at ${JSON.stringify(text)}: ${reason}. ` +
        'An address is host:port, [IPv6 address]:port, :port, unix:path or fd://number.',
    );
  };
  const unix = /^unix:(?:\/\/)?(.*)$/s.exec(text);
  if (unix !== null) {
    const path = unix[1] ?? '';
    if (path === '' || path.includes('\0')) return refuse('the path of the Unix socket is missing');
    if (Buffer.byteLength(path) > maxUnixPathBytes) {
      return refuse(`the path of a Unix socket has at most ${maxUnixPathBytes} bytes`);
    }
    return { kind: 'unix', path };
  }
  if (text.startsWith('fd://')) {
    const digits = text.slice('fd://'.length);
    // 0 to 2 are the standard streams.
    if (!/^\d{1,5}$/.test(digits) || Number(digits) < 3) return refuse('the descriptor is a number from 3 on');
    return { kind: 'descriptor', descriptor: Number(digits) };
  }
  if (/^\d+$/.test(text)) return { kind: 'tcp', host: '127.0.0.1', port: parsePort(text) ?? refuse(portRange) };
  const parts = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/s.exec(text);
  if (parts === null) return refuse(isIP(text) === 6 ? 'an IPv6 address stands in brackets' : 'it has too many colons');
  const [, bracketed, name, digits] = parts;
  const port = digits === undefined ? defaultPort : (parsePort(digits) ?? refuse(portRange));
  if (bracketed !== undefined) {
    if (isIP(bracketed) !== 6) return refuse('between the brackets stands an IPv6 address');
    return { kind: 'tcp', host: bracketed, port };
  }
  if (name === undefined || name === '') {
    return digits === undefined ? refuse('it is empty') : { kind: 'tcp', host: '0.0.0.0', port };
  }
  if (!/^[A-Za-z0-9._-]+$/.test(name)) return refuse('the host is no name and no address');
  return { kind: 'tcp', host: name, port };
}

const portRange = 'a port is a number from 0 to 65535';

function parsePort(digits: string): number | undefined {
  return /^\d{1,5}$/.test(digits) && Number(digits) <= 65535 ? Number(digits) : undefined;
}

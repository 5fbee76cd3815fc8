import type { Socket } from 'node:net';
import { parseAddress } from '../inspect/client-address.ts';

/**
 * Linux's tables of TCP sockets, `/proc/net/tcp` and `tcp6`. A line begins with a number, a colon and a blank, then has
 *
 *     0100007F:1F90 0100007F:C350 01 0029A3C1:00000000 …
 *     local         remote        st tx_queue rx_queue
 *
 * An address is one word of eight hexadecimal digits, or four for IPv6, each in the byte order of the machine; a port is
 * four digits. Of an open connection `tx_queue` is what was written and not acknowledged by the peer yet, in bytes.
 * Source: proc(5), net/ipv4/tcp_ipv4.c and net/ipv6/tcp_ipv6.c of Linux.
 */
const COLON = 0x3a;
const NEWLINE = 0x0a;
const WORD_DIGITS = 8;
/** `:PORT`. */
const PORT_CHARACTERS = 5;
/** Between the number's colon and the address. */
const BLANK = 1;
/** The state with its blanks. */
const STATE_CHARACTERS = 4;

/** Both ends of a connection, as the tables write them: `0100007F:1F90 0100007F:C350`. */
export type Endpoints = string;

type Ends = Partial<Pick<Socket, 'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort'>>;

/** Undefined for a Unix socket, and for one that is gone. */
export function endpointsOf(socket: Ends): Endpoints | undefined {
  const local = endpoint(socket.localAddress, socket.localPort);
  const remote = endpoint(socket.remoteAddress, socket.remotePort);
  return local === undefined || remote === undefined ? undefined : `${local} ${remote}`;
}

/**
 * Tells `found` of each of `wanted` that is in `lines`, which have to be whole. One pass with one look at each entry: to
 * search for each of a thousand by itself took 636 ms in a table of 18,000 entries, and this takes some 5 ms for all of them.
 */
export function findSendQueues(
  lines: Buffer,
  wanted: ReadonlyMap<Endpoints, unknown>,
  found: (endpoints: Endpoints, queuedBytes: number) => void,
): void {
  for (let lineStart = 0; lineStart < lines.length; ) {
    // The head line has none: the first colon is that of the first entry.
    const colon = lines.indexOf(COLON, lineStart);
    if (colon < 0) return;
    const start = colon + 1 + BLANK;
    const addressLength = lines.indexOf(COLON, start) - start;
    const end = start + 2 * (addressLength + PORT_CHARACTERS) + 1;
    const endpoints = lines.toString('latin1', start, end);
    if (wanted.has(endpoints)) {
      const queue = end + STATE_CHARACTERS;
      found(endpoints, Number.parseInt(lines.toString('latin1', queue, queue + WORD_DIGITS), 16));
    }
    const newline = lines.indexOf(NEWLINE, end);
    if (newline < 0) return;
    lineStart = newline + 1;
  }
}

function endpoint(address: string | undefined, port: number | undefined): string | undefined {
  const parsed = address === undefined ? undefined : parseAddress(address);
  if (address === undefined || parsed === undefined || port === undefined) return undefined;
  // An IPv4 client of a socket that listens on `::` is in the table of IPv6.
  const isMapped = parsed.family === 'ipv4' && address.includes(':');
  const words = isMapped ? [0, 0, 0xffff, ...parsed.words] : [...parsed.words];
  return `${words.map(inMachineOrder).join('')}:${hexadecimal(port, PORT_CHARACTERS - 1)}`;
}

/** The kernel prints the four bytes of a word in network order as if they were a number of its own. */
function inMachineOrder(word: number): string {
  const bytes = new DataView(new ArrayBuffer(4));
  bytes.setUint32(0, word);
  return hexadecimal(new Uint32Array(bytes.buffer)[0] ?? 0, WORD_DIGITS);
}

function hexadecimal(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}

import { timingSafeEqual } from 'node:crypto';

/** The version of docs/link.md. Both sides come from one installation: another version is a mix-up, not a dialect. */
export const linkVersion = 1;
export const tokenBytes = 32;
export const helloBytes = 8 + tokenBytes;
export const welcomeBytes = 16;

/** What an edge tells a worker about their link. */
export type Welcome = {
  /** Content of one request that may be under way to the worker. */
  readonly contentWindowBytes: number;
  /** Content of one response that may be under way to the client. */
  readonly responseWindowBytes: number;
  /** The longest payload of a frame, either way. */
  readonly maxPayloadBytes: number;
};

/** Payload: version u16, zero u16, pid u32, token. */
export function writeHello(bytes: Buffer, at: number, pid: number, token: Uint8Array): void {
  bytes.writeUInt16LE(linkVersion, at);
  bytes.writeUInt16LE(0, at + 2);
  bytes.writeUInt32LE(pid, at + 4);
  bytes.set(token, at + 8);
}

/** What is wrong with a worker's hello, or null. */
export function helloFault(
  bytes: Buffer,
  start: number,
  stop: number,
  expected: { readonly pid: number; readonly token: Uint8Array },
): string | null {
  if (stop - start !== helloBytes) return `hello of ${stop - start} bytes`;
  const version = bytes.readUInt16LE(start);
  if (version !== linkVersion) return `link version ${version}, not ${linkVersion}`;
  if (bytes.readUInt16LE(start + 2) !== 0) return 'reserved bytes are not zero';
  if (!timingSafeEqual(bytes.subarray(start + 8, stop), expected.token)) return 'wrong token';
  const pid = bytes.readUInt32LE(start + 4);
  return pid === expected.pid ? null : `hello of process ${pid}, not ${expected.pid}`;
}

/** Payload: version u16, zero u16, the three sizes u32 in the order of `Welcome`. */
export function writeWelcome(bytes: Buffer, at: number, welcome: Welcome): void {
  bytes.writeUInt16LE(linkVersion, at);
  bytes.writeUInt16LE(0, at + 2);
  bytes.writeUInt32LE(welcome.contentWindowBytes, at + 4);
  bytes.writeUInt32LE(welcome.responseWindowBytes, at + 8);
  bytes.writeUInt32LE(welcome.maxPayloadBytes, at + 12);
}

/** The welcome, or what is wrong with it. */
export function readWelcome(bytes: Buffer, start: number, stop: number): Welcome | string {
  if (stop - start !== welcomeBytes) return `welcome of ${stop - start} bytes`;
  const version = bytes.readUInt16LE(start);
  if (version !== linkVersion) return `link version ${version}, not ${linkVersion}`;
  if (bytes.readUInt16LE(start + 2) !== 0) return 'reserved bytes are not zero';
  return {
    contentWindowBytes: bytes.readUInt32LE(start + 4),
    responseWindowBytes: bytes.readUInt32LE(start + 8),
    maxPayloadBytes: bytes.readUInt32LE(start + 12),
  };
}

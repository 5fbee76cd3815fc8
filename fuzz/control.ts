import type { ParserLimits } from '../src/http1/request-parser.ts';
import type { InspectPolicy } from '../src/inspect/inspect.ts';

/**
 * The first two bytes of an input choose how the rest is read, so that the fuzzer chooses it too: bit 0 of the first, the
 * peer ends its side; bit 1, trailers are refused; bit 2, the limits of the default policy in place of small ones, which
 * short inputs reach; bits 3 to 5, the policy's choices. The second byte chooses the cuts between reads:
 * for the lowest ones, a read for each byte.
 */
export const CONTROL_BYTES = 2;

export type Control = {
  readonly limits: ParserLimits;
  readonly policy: InspectPolicy;
  readonly peerEnds: boolean;
  readonly cuts: number;
};

const defaultHead = { lineBytes: 4094, fieldBytes: 8190, totalFieldBytes: 65536, fieldCount: 100 };
const smallHead = { lineBytes: 64, fieldBytes: 48, totalFieldBytes: 160, fieldCount: 6 };
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** One object for each first byte: the target runs some ten thousand times a second. */
const controls = Array.from({ length: 256 }, (_, bits): Omit<Control, 'cuts'> => {
  const isSmall = (bits & 4) === 0;
  const contentBytes = isSmall ? 64 : 1048576;
  const trailers = (bits & 2) === 0 ? 'drop' : 'reject';
  return {
    limits: { ...(isSmall ? smallHead : defaultHead), contentBytes, trailers },
    policy: {
      request: {
        ...(isSmall ? smallHead : defaultHead),
        methods,
        dotSegments: (bits & 8) === 0 ? 'reject' : 'keep',
        encodedSlash: (bits & 16) === 0 ? 'reject' : 'decode',
        underscores: (bits & 32) === 0 ? 'drop' : 'reject',
        contentBytes,
      },
      checksHeadLimits: false,
      hosts: null,
      allow: null,
      deny: null,
      observed: null,
    },
    peerEnds: (bits & 1) === 1,
  };
});

/** The control of an input and the bytes that a client sends; undefined where there are none. */
export function readControl(data: Uint8Array): { control: Control; bytes: Uint8Array } | undefined {
  const chosen = controls[data[0] ?? 0];
  if (data.length < CONTROL_BYTES || chosen === undefined) return undefined;
  return { control: { ...chosen, cuts: data[1] ?? 0 }, bytes: data.subarray(CONTROL_BYTES) };
}

/** An input of the default policy's limits that is read so. */
export function withControl(bytes: Uint8Array, options: { readonly peerEnds?: boolean; readonly cuts?: number } = {}) {
  const { peerEnds = false, cuts = 0 } = options;
  return Buffer.concat([Uint8Array.of(4 + (peerEnds ? 1 : 0), cuts), bytes]);
}

const BYTE_BY_BYTE = 32;
/** Added to a choice of cuts, it is none of single bytes. */
export const FEW_READS = 32;
export const LONGEST_PIECE = 256;

/** The reads that bytes come in, always the same for the same choice: single bytes, or a few and a few hundred in turn. */
export function cutAt(bytes: Uint8Array, choice: number): Uint8Array[] {
  if (choice < BYTE_BY_BYTE) return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  const pieces: Uint8Array[] = [];
  let state = choice + 1;
  for (let at = 0; at < bytes.length; ) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    const length = (state & 0x10000) === 0 ? 1 + ((state >> 20) & 15) : 1 + ((state >> 20) & 255);
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fuzz } from '../../fuzz/frame.fuzz.ts';
import { frameType } from '../../src/link/frame.ts';

const { response, content, credit, abort, draining } = frameType;
/** The four readings of an input, each with what its control bytes choose (fuzz/frame.fuzz.ts). */
const reading = { frames: 0, environ: 1, worker: 2, shorthand: 3 } as const;

function given(kind: number, bytes: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Buffer> {
  return fc
    .tuple(fc.nat(63), fc.nat(255), fc.nat(40), bytes)
    .map(([options, cuts, choice, rest]) => Buffer.concat([Uint8Array.of(options * 4 + kind, cuts, choice), rest]));
}

const header = fc
  .tuple(fc.nat(60), fc.nat(10), fc.nat(2), fc.constantFrom(0, 0, 0, 1), fc.nat(5))
  .map(([length, type, flags, reserved, id]) => [length, 0, 0, 0, type, flags, reserved, 0, id, 0, 0, 0]);
const streams = fc
  .array(fc.oneof(header, fc.array(fc.nat(255), { maxLength: 60 })), { maxLength: 8 })
  .map((runs) => Uint8Array.from(runs.flat()));

/** What a worker may say, and now and then something else. */
const payloads: Readonly<Record<number, fc.Arbitrary<string>>> = {
  [response]: fc
    .tuple(fc.constantFrom('\x07200 OK\0', '\x0b200 OK\0X\0y\0', '\0', '\x09200 OK\0X\0'), fc.string({ maxLength: 14 }))
    .map((parts) => parts.join('')),
  [content]: fc.string({ minLength: 1, maxLength: 25 }),
  [credit]: fc.constantFrom('\x01', '\x05', '\x0a', '\0'),
  [abort]: fc.constantFrom('', 'no'),
};
const worker = fc
  .array(
    fc.record({
      type: fc.oneof({ weight: 20, arbitrary: fc.constantFrom(response, content, credit, abort) }, fc.nat(12)),
      bits: fc.constantFrom(0, 0, 0, 0, 16, 16, 32),
      id: fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 1, max: 5 }) }, fc.nat(10)),
    }),
    { maxLength: 12 },
  )
  .chain((frames) =>
    fc.tuple(
      ...frames.map(({ type, bits, id }) =>
        (payloads[type] ?? fc.constant('')).map((payload) => {
          const mayEnd = type === response || type === content;
          const known = type === draining ? 0 : id;
          return Buffer.from(
            `${String.fromCharCode(type + (mayEnd ? bits : 0), known, payload.length)}${payload}`,
            'latin1',
          );
        }),
      ),
    ),
  )
  .map((frames) => Buffer.concat(frames));

const strings = fc.oneof(
  fc.constantFrom('A', 'PATH_INFO', 'HTTP_HOST', '__proto__', '1', ''),
  fc.string({ maxLength: 70 }),
);
const blocks = fc
  .tuple(fc.array(strings, { maxLength: 9 }), fc.constantFrom('\0', '\0', ''))
  .map(([parts, end]) => Buffer.from(parts.join('\0') + end, 'latin1'));

describe('any bytes of a worker', () => {
  const inputs: readonly (readonly [kind: string, arbitrary: fc.Arbitrary<Buffer>, runs: number])[] = [
    ['are frames or a fault', given(reading.frames, streams), 1500],
    ['end each request once, and not the edge', given(reading.worker, streams), 500],
    ['that are frames end each request once, and not the edge', given(reading.shorthand, worker), 2000],
  ];
  for (const [behaviour, arbitrary, numRuns] of inputs) {
    it(behaviour, () => fc.assert(fc.property(arbitrary, fuzz), { numRuns }));
  }
});

describe('any environ block', () => {
  it('is what it says, read often or once', () => {
    fc.assert(fc.property(given(reading.environ, blocks), fuzz), { numRuns: 1000 });
  });
});

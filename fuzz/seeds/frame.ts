import { frameType } from '../../src/link/frame.ts';
import { helloBytes, welcomeBytes, writeHello, writeWelcome } from '../../src/link/greeting.ts';
import { frameBytes, framesOf, u32 } from '../link/frames.ts';
import { HELLO } from '../link/worker.ts';
import type { Seed } from './cases.ts';

const END = 16;
const FLAG = 32;
const RESERVED = 64;
const { hello, welcome, request, response, content, credit, abort, draining, fault } = frameType;

/** A frame in the shorthand of `framesOf`. A response's payload begins with the length of its head, a credit's is one byte. */
function short(bits: number, number: number, payload: string | Uint8Array = ''): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  return Buffer.concat([Uint8Array.of(bits, number, bytes.length), bytes]);
}

const ok = '\x07200 OK\0';
const found = '\x10302 Found\0Host\0a\0';

/** What a worker may do, and each way to break the link: as test/upstream/node-link.test.ts has them. */
const workers: readonly (readonly Buffer[])[] = [
  [short(response + END, 1, `${ok}hello`)],
  [1, 2, 3, 4, 5, 6, 7, 8, 9].map((id) => short(response + END, id, ok)),
  [9, 4, 3, 2, 1].map((id) => short(abort, id, 'no')),
  [
    short(response, 1, ok),
    short(content, 1, 'x'.repeat(24)),
    short(content, 1, 'y'.repeat(24)),
    short(content + END, 1),
  ],
  [short(response, 2, `${ok}${'x'.repeat(24)}`), short(content, 2, 'x')],
  [
    short(response, 2, ok),
    short(credit, 2, '\x0a'),
    short(credit, 2, '\x08'),
    short(credit, 2, '\x08'),
    short(abort, 2),
  ],
  [short(credit, 3, '\x05'), short(credit, 3, '\x05'), short(response, 3, ok), short(content + END, 3, 'late')],
  [short(response, 4, found), short(content, 4, 'x'), short(credit, 4, '\x01'), short(abort, 4, 'broken')],
  [short(abort, 1), short(response, 5, ok), short(content, 5, 'x'), short(abort, 5)],
  [short(abort, 1), short(abort, 2), short(credit, 6, '\x0a'), short(response + END, 6, ok)],
  [
    short(abort, 1),
    short(abort, 2),
    short(abort, 3),
    short(response, 7, ok),
    short(content, 7, 'x'),
    short(content + END, 7),
  ],
  [short(draining, 0), short(response + END, 1, ok), short(response + END, 2, ok), short(abort, 3), short(abort, 4)],
  [short(draining, 0), short(abort, 1), short(abort, 2), short(abort, 3), short(abort, 4), short(abort, 4)],
  [short(draining, 1)],
  [short(draining, 0, 'x')],
  [short(10, 1)],
  [short(response + FLAG, 1, ok)],
  [short(response + RESERVED, 1, ok)],
  [short(abort + END, 1, ok)],
  [short(response + END, 8, ok)],
  [short(response + END, 1, ok), short(content, 1, 'x')],
  [short(abort, 1), short(abort, 1)],
  [short(response, 1, ok), short(response + END, 1, ok)],
  [short(content, 1, 'x')],
  [short(response, 1, ok), short(content, 1)],
  [short(response, 1)],
  [short(response, 1, '\0')],
  [short(response, 1, '\x64200 OK\0')],
  [short(response, 1, '\x06200 OK')],
  [short(response, 1, '\x0b200 OK\0X-A\0')],
  [short(response, 1, `${ok}${'x'.repeat(25)}`)],
  [short(credit, 1, '\x08')],
  [short(credit, 2, '\0')],
  [short(credit, 2, u32(0xffffffff))],
  [short(credit, 2, 'xxxxx')],
  [short(request, 1, 'A\0b\0')],
  [short(welcome, 1, 'x')],
  [short(hello, 0, 'x')],
  [short(fault, 1, 'x')],
];

const badHello = Buffer.alloc(helloBytes);
writeHello(badHello, 0, 8, Buffer.alloc(32, 't'));
const goodWelcome = Buffer.alloc(welcomeBytes);
writeWelcome(goodWelcome, 0, { contentWindowBytes: 1, responseWindowBytes: 2, maxPayloadBytes: 3 });

const streams: readonly Buffer[] = [
  HELLO,
  frameBytes(hello, 0, 0, badHello),
  frameBytes(welcome, 0, 0, goodWelcome),
  Buffer.concat([frameBytes(content, 1, 7, Buffer.from('hello')), frameBytes(content, 0, 7, Buffer.from('world'))]),
  Buffer.concat([frameBytes(credit, 0, 7, u32(5)), frameBytes(content, 0, 7, Buffer.alloc(60))]),
  Buffer.from('GET / HTTP/1.1\r\n\r\n'),
];

const blocks = [
  'REQUEST_METHOD\0GET\0PATH_INFO\0/\0HTTP_HOST\0a\0',
  'REQUEST_METHOD\0GET\0wsgi.input\0x\0',
  'A\0b\0A\0c\0',
  '__proto__\0a\0constructor\0b\0',
  '__proto__\0a\0__proto__\0b\0',
  '1\0a\x000\0b\0',
  'A-B\0"\0\0x\0',
  `${'K'.repeat(64)}\0a\0${'K'.repeat(65)}\0b\0`,
  'A\0b\0C\0',
  'A\0b\0C',
  'A\0',
  '\0',
  '',
];

/** Each of the four readings of an input, with its control bytes before it. */
export function seeds(): Seed[] {
  const shorthand = workers.map((frames) => Buffer.concat(frames));
  const inputs = [
    ...streams.flatMap((bytes) => [given(0, 255, bytes), given(2, 1, bytes), given(6, 1, bytes)]),
    ...blocks.map((block) => given(1, 9, Buffer.from(block, 'latin1'))),
    ...shorthand.flatMap((bytes, index) => [
      given(3, index & 7, bytes),
      given(27, index & 3, bytes),
      given(35, index & 7, bytes),
    ]),
    ...shorthand.map((bytes, index) => given(2, index & 7, framesOf(bytes, 1))),
    ...shorthand.map((bytes) => given(0, 255, framesOf(bytes, 1))),
  ];
  // Byte by byte is slow, and few inputs have to be.
  for (const [index, bytes] of inputs.entries()) bytes[1] = index % 8 === 0 ? 0 : 32 + ((index * 7) % 224);
  return inputs.map((bytes, index) => ({ name: `${index}`, bytes }));
}

function given(bits: number, choice: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(bits, 0, choice), bytes]);
}

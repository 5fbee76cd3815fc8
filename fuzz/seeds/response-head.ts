import { bytesOf, readCases } from '../../test/support/cases.ts';
import { SEPARATOR } from '../response-head.fuzz.ts';
import type { Seed } from './cases.ts';

type Row = {
  readonly head: string;
  readonly isHead?: boolean;
  readonly minorVersion?: 0 | 1;
  readonly keepAlive?: boolean;
  readonly pieces?: readonly string[];
};

/** Beyond this a seed is only slow: a head has no limit here. */
const longest = 1024;

/** The cases of the head's and the writer's tests, each alone and twice on one connection. */
export function seeds(): Seed[] {
  const rows = ['response-head', 'response-writer'].flatMap((name) =>
    readCases<Row>(`../../test/http1/${name}.cases.json`, import.meta.url),
  );
  const single = rows.map(response).filter(({ length }) => length <= longest);
  const twice = single.map((bytes) => Buffer.concat([bytes, Buffer.from(SEPARATOR), bytes]));
  return [...single, ...twice].map((bytes, index) => ({ name: `${index}`, bytes }));
}

function response({ head, isHead = false, minorVersion = 1, keepAlive = true, pieces = ['x'] }: Row): Buffer {
  const bits = (isHead ? 1 : 0) | (minorVersion === 0 ? 2 : 0) | (keepAlive ? 0 : 4) | (pieces.at(-1) === '' ? 8 : 0);
  const length = bytesOf(pieces.join('')).length & 255;
  const cuts = pieces.length > 1 ? 0 : 255;
  return Buffer.concat([Uint8Array.of(bits, length, cuts), bytesOf(head)]);
}

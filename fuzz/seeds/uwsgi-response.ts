import { bytesOf, readCases } from '../../test/support/cases.ts';
import type { Seed } from './cases.ts';

const longest = 512;

/** The cases of the head's tests, whole and byte by byte. */
export function seeds(): Seed[] {
  const rows = readCases<{ readonly bytes: string }>('../../test/upstream/uwsgi-response.cases.json', import.meta.url);
  const inputs = rows.map(({ bytes }) => bytesOf(bytes)).filter(({ length }) => length <= longest);
  return [255, 0].flatMap((cuts) =>
    inputs.map((bytes, index) => ({ name: `${cuts}-${index}`, bytes: Buffer.concat([Uint8Array.of(cuts), bytes]) })),
  );
}

import { expand } from '../../src/rejection/example-bytes.ts';
import { proxyCases } from '../../test/accept/proxy-cases.ts';
import { FEW_READS } from '../control.ts';
import type { Seed } from './cases.ts';

const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const versions = ['v1', 'v2', 'any'];

/** Each header of the tests with a request behind it, byte by byte and in a few reads, and as either version. */
export function seeds(): Seed[] {
  return proxyCases.flatMap(({ header, version }, index) => {
    const bytes = Buffer.from(expand(header) + request, 'latin1');
    return [
      { name: `${index}`, bytes: Buffer.concat([Uint8Array.of(versions.indexOf(version), 0), bytes]) },
      { name: `${index}-any`, bytes: Buffer.concat([Uint8Array.of(2, FEW_READS + index), bytes]) },
    ];
  });
}

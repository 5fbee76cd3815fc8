import { readFileSync } from 'node:fs';
import { withControl } from '../control.ts';
import type { Seed } from './cases.ts';

/** Beyond this a seed is only slow. */
const LONGEST = 2000;

/** Requests that a server refused, from its `--record` file: whole, and ended by a client that ends its side. */
export function recordedSeeds(path: string): Seed[] {
  const requests = readFileSync(path, 'utf8').split('\n').flatMap(requestOf);
  const different = [...new Set(requests)].filter((request) => request.length <= LONGEST);
  return different.flatMap((request, index) =>
    [false, true].map((peerEnds) => ({
      name: `recorded-${index}${peerEnds ? '-end' : ''}`,
      bytes: withControl(Buffer.from(request, 'latin1'), { peerEnds }),
    })),
  );
}

/** A line may have been cut off with the process that wrote it. */
function requestOf(line: string): string[] {
  try {
    const { request } = JSON.parse(line) as { readonly request?: unknown };
    return typeof request === 'string' ? [request] : [];
  } catch {
    return [];
  }
}

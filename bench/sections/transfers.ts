import { createHash } from 'node:crypto';
import { transferContent } from '../apps/transfer-content.js';
import { runClosedLoop } from '../load/closed-loop.ts';
import { download, upload } from '../load/transfer.ts';
import { watchPeaks } from '../peak-memory.ts';
import { processTree, programName, residentBytes } from '../process-usage.ts';
import { mebibytes } from '../report/quantity.ts';
import { atMost, type Section } from '../section.ts';
import { startNodeHttp } from '../servers/node-http.ts';
import { apps, policies, startPortcullis } from '../servers/portcullis.ts';
import type { Server } from '../servers/server.ts';

const WARM_UP_SECONDS = 1;
const WARM_UP_CONNECTIONS = 16;
const MOST_GROWTH_MIB = 64;
const MIB = 1024 * 1024;

type Figure = {
  readonly server: string;
  readonly direction: string;
  readonly bytesPerSecond: number;
  /** Growth of the largest resident size by process, in bytes. */
  readonly growth: Readonly<Record<string, number>>;
};

export const transfers: Section = {
  title: 'Large uploads and downloads',
  async run({ options, program, progress }) {
    const bytes = options.transferBytes;
    const expected = hashOf(bytes);
    const starters = [
      () => startPortcullis({ program, mode: 'isolated', app: apps.transfer, policy: policies.transfer }),
      () => startPortcullis({ program, mode: 'inline', app: apps.transfer, policy: policies.transfer }),
      () => startNodeHttp({ app: 'transfer' }),
    ];
    const figures: Figure[] = [];
    for (const start of starters) {
      for (const figure of await measure(await start(), bytes, expected)) {
        figures.push(figure);
        progress(`${figure.server}, ${figure.direction}: ${mebibytes(figure.bytesPerSecond)}/s`);
      }
    }
    const ours = figures.filter(({ server }) => server.startsWith('Portcullis'));
    return {
      method: `One upload of ${mebibytes(bytes)} to an application that answers its SHA-256, then one download of as much, both hashes compared. Growth is of the largest resident memory of each process during the transfer above what it held after ${WARM_UP_SECONDS} s of small requests. The client and its hash run on the same machine.`,
      columns: ['server', 'transfer', 'MiB/s', 'growth by process'],
      rows: figures.map(({ server, direction, bytesPerSecond, growth }) => [
        server,
        direction,
        (bytesPerSecond / MIB).toFixed(0),
        Object.entries(growth)
          .map(([name, grown]) => `${name} ${mebibytes(grown)}`)
          .join(', '),
      ]),
      goals: ours.map(({ server, direction, growth }) =>
        atMost(`${server}, ${direction}: growth`, MOST_GROWTH_MIB, 'MiB', Math.max(...Object.values(growth)) / MIB, 1),
      ),
      notes: [],
      data: { bytes, figures },
    };
  },
};

async function measure(server: Server, bytes: number, expected: string): Promise<readonly Figure[]> {
  try {
    const request = Buffer.from('GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await runClosedLoop({ port: server.port, request, content: 'ready\n' }, WARM_UP_CONNECTIONS, WARM_UP_SECONDS);
    const pids = server.roots.flatMap(processTree);
    const before = new Map(pids.map((pid) => [pid, residentBytes(pid)]));
    const timed = async (direction: string, transfer: () => Promise<string>): Promise<Figure> => {
      const start = performance.now();
      const { result: hash, peaks } = await watchPeaks(pids, transfer).catch((cause: unknown) => {
        throw new Error(`${server.name}: the ${direction} failed`, { cause });
      });
      const seconds = (performance.now() - start) / 1000;
      if (hash !== expected) throw new Error(`${server.name}: the ${direction} arrived changed: ${hash}`);
      const growth = pids.map((pid) => [programName(pid), (peaks.get(pid) ?? 0) - (before.get(pid) ?? 0)] as const);
      return { server: server.name, direction, bytesPerSecond: bytes / seconds, growth: Object.fromEntries(growth) };
    };
    return [
      await timed('upload', () => upload(server.port, bytes)),
      await timed('download', () => download(server.port, bytes)),
    ];
  } finally {
    await server.stop();
  }
}

function hashOf(bytes: number): string {
  const hash = createHash('sha256');
  for (const block of transferContent(bytes)) hash.update(block);
  return hash.digest('hex');
}

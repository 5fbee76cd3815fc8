import { frameType, maxReasonBytes } from '../../src/link/frame.ts';
import { isAfter, nextRequestId } from '../../src/link/request-id.ts';
import { Violation } from '../violation.ts';
import { type Client, windows } from './client.ts';
import { type Frame, readFrames } from './frames.ts';
import { mostPayloadBytes } from './worker.ts';

export type EdgeWritten = {
  /** Which request was sent under which id. */
  readonly requests: ReadonlyMap<number, string>;
  /** What was said of each id, pieces of content joined. */
  readonly byId: readonly (readonly [number, string])[];
};

/** What the edge wrote keeps to docs/link.md, whatever the worker does. */
export function checkWritten(
  left: readonly Buffer[],
  linkFault: string | null,
  firstId: number,
  clients: readonly Client[],
): EdgeWritten {
  const { frames, fault, silence } = readFrames([Buffer.concat(left)], mostPayloadBytes);
  if (fault !== null || silence > 0) throw new Violation('edge-frames', fault ?? 'an unfinished frame');
  const requests = new Map<number, string>();
  const open = new Map<number, { hasEnd: boolean; contentBytes: number }>();
  const byId = new Map<number, string>();
  let nextId = firstId;
  let welcome = '';
  for (const [index, frame] of frames.entries()) {
    const problem = ((): string | undefined => {
      const { type, end, id, payload } = frame;
      const request = open.get(id);
      switch (type) {
        case frameType.welcome:
          // Another one only where the next request needs it.
          if (payload === welcome) return 'the same welcome twice';
          welcome = payload;
          return undefined;
        case frameType.request:
          if (id !== nextId) return `request ${id}, not ${nextId}`;
          if (!keeps(welcome, payload)) return `request ${id} under another welcome`;
          nextId = nextRequestId(id);
          requests.set(id, payload.split('\0')[1] ?? '');
          open.set(id, { hasEnd: end, contentBytes: 0 });
          return undefined;
        case frameType.content:
          if (request === undefined || request.hasEnd) return `content for ${id}`;
          request.hasEnd = end;
          request.contentBytes += payload.length;
          return request.contentBytes <= window(id) + granted(id) ? undefined : `too much content for ${id}`;
        case frameType.credit:
          return request === undefined ? `credit for ${id}` : undefined;
        case frameType.abort:
          // Nothing of it comes behind.
          return open.delete(id) && payload === '' ? undefined : `abort of ${id}`;
        case frameType.fault:
          if (index < frames.length - 1 || payload !== linkFault?.slice(0, maxReasonBytes)) return `fault ${payload}`;
          return /^[\x20-\x7e]+$/.test(payload) ? undefined : 'a fault that cannot be printed';
        default:
          return `type ${type}`;
      }
    })();
    if (problem !== undefined) throw new Violation('edge-frames', problem);
    byId.set(frame.id, joined(byId.get(frame.id) ?? '', frame));
  }
  if (linkFault !== null && frames.at(-1)?.type !== frameType.fault) throw new Violation('edge-frames', 'no fault');
  return { requests, byId: [...byId] };

  function keeps(said: string, environ: string): boolean {
    const { content, response } = clients[Number(environ.split('\0')[1])]?.windows ?? windows;
    const bytes = Buffer.from(said, 'latin1');
    return bytes.readUInt32LE(4) === content && bytes.readUInt32LE(8) === response;
  }

  function window(id: number): number {
    return clients[Number(requests.get(id))]?.windows.content ?? 0;
  }

  function granted(id: number): number {
    return clients[Number(requests.get(id))]?.granted ?? 0;
  }
}

function joined(text: string, { type, end, payload }: Frame): string {
  if (type === frameType.content) return `${text}${payload}${end ? '!' : ''}`;
  return `${text} ${type}${end ? '!' : ''}:${Buffer.from(payload, 'latin1').toString('hex')} `;
}

/** What may have begun is never sent again; what cannot have begun is, unless nobody waits for it any more. */
export function checkMoved(
  moved: readonly string[],
  { requests }: EdgeWritten,
  startedId: number,
  fault: string | null,
  bytes: Buffer,
  clients: readonly Client[],
): void {
  if (new Set(moved).size !== moved.length) throw new Violation('never-sent-again', `${moved} went to the next worker`);
  const { frames } = readFrames([bytes], 1 << 20);
  const answered = new Set(frames.filter(({ type }) => type !== frameType.draining).map(({ id }) => id));
  const ids = [...requests.keys()];
  const [first = 0] = ids;
  const last = ids.at(-1) ?? first;
  // Anything but the id before the first to the last one is nonsense, and says nothing.
  const isKnown = fault === null && !isAfter(startedId, last) && !isAfter((first - 1) >>> 0, startedId);
  for (const [id, request] of requests) {
    const mayMove = isKnown && isAfter(id, startedId) && !answered.has(id);
    const isGone = clients[Number(request)]?.isGone === true;
    if (moved.includes(request) !== (mayMove && !isGone)) {
      const what = mayMove ? 'was not begun, and is lost' : 'may have begun, and is sent again';
      throw new Violation('never-sent-again', `request ${request} ${what}`);
    }
  }
}

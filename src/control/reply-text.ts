import { paintWith } from '../explain/paint.ts';
import { table } from '../explain/table.ts';
import type { View } from './command-line.ts';
import type { BlockedClient, ChildStatus, ControlReply, ServerStatus } from './protocol.ts';

/** A reply for people, or as JSON. With its line end. */
export function replyText(reply: ControlReply, view: View): string {
  switch (reply.type) {
    case 'status':
      if (view === 'json') return `${JSON.stringify(reply.status, null, 2)}\n`;
      return lines(
        view === 'workers' ? children(reply.status) : [...server(reply.status), '', ...children(reply.status)],
      );
    case 'jail':
      if (view === 'json') return `${JSON.stringify(reply.blocks, null, 2)}\n`;
      return lines(jail(reply.blocks));
    case 'done':
    case 'stopping':
    case 'failed':
      return `${reply.message}\n`;
  }
}

function lines(shown: readonly string[]): string {
  return `${shown.join('\n')}\n`;
}

function server(status: ServerStatus): readonly string[] {
  const { version, pid, name, phase, uptimeSeconds, listeners, workerClass, policy, blockedClients } = status;
  return rows([
    ['server', `portcullis ${version}, pid ${pid}`],
    ['application', `${name} (${workerClass})`],
    ['state', `${phase}, up ${duration(uptimeSeconds)}`],
    ...listeners.map((url): readonly string[] => ['listens at', url]),
    ['policy', policy],
    ['blocked clients', String(blockedClients)],
  ]);
}

function children({ edges, workers }: ServerStatus): readonly string[] {
  return rows([
    ['PROCESS', 'PID', 'STATE', 'AGE', 'MEMORY'],
    ...edges.map((child) => childRow('edge', child)),
    ...workers.map((child) => childRow('worker', child)),
  ]);
}

function childRow(kind: string, { pid, state, ageSeconds, rssBytes }: ChildStatus): readonly string[] {
  const memory = rssBytes === null ? '-' : `${Math.round(rssBytes / 2 ** 20)} MiB`;
  return [kind, String(pid ?? '-'), state, duration(ageSeconds), memory];
}

function jail(blocks: readonly BlockedClient[]): readonly string[] {
  if (blocks.length === 0) return ['Nobody is blocked.'];
  return rows([['CLIENT', 'FOR'], ...blocks.map(({ client, secondsLeft }) => [client, duration(secondsLeft)])]);
}

function rows(cells: readonly (readonly string[])[]): readonly string[] {
  return table(cells, paintWith(false), '');
}

/** The two largest units: `3 d 4 h`, `12 s`. */
function duration(seconds: number): string {
  const units = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
  ] as const;
  for (const [index, [size, unit]] of units.entries()) {
    if (seconds < size) continue;
    const [smaller, name] = units[index + 1] ?? [1, 's'];
    const rest = Math.floor((seconds % size) / smaller);
    return `${Math.floor(seconds / size)} ${unit}${rest === 0 ? '' : ` ${rest} ${name}`}`;
  }
  return `${Math.floor(seconds)} s`;
}

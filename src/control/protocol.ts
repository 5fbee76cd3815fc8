/**
 * What `portcullis ctl` and a server say to each other over the control socket: one JSON object a line, one request for each
 * connection, one reply, then the server closes (docs/control.md). Whoever can connect may ask all of it: the directory and
 * the mode of the socket are what protects it.
 */
export type ControlRequest =
  | { readonly command: 'status' | 'reload' | 'add-worker' | 'remove-worker' | 'jail' }
  | { readonly command: 'stop'; readonly now: boolean }
  | { readonly command: 'release'; readonly client: string }
  | { readonly command: 'block'; readonly client: string; readonly seconds: number };

export type ControlReply =
  | { readonly type: 'status'; readonly status: ServerStatus }
  | { readonly type: 'jail'; readonly blocks: readonly BlockedClient[] }
  | { readonly type: 'done'; readonly message: string }
  /** The connection stays open until the server is gone, which is so many seconds away at most. */
  | { readonly type: 'stopping'; readonly message: string; readonly withinSeconds: number }
  | { readonly type: 'failed'; readonly message: string };

export type ServerStatus = {
  readonly version: string;
  readonly pid: number;
  readonly name: string;
  readonly phase: string;
  readonly uptimeSeconds: number;
  readonly listeners: readonly string[];
  readonly workerClass: string;
  readonly policy: string;
  readonly blockedClients: number;
  readonly edges: readonly ChildStatus[];
  readonly workers: readonly ChildStatus[];
};

export type ChildStatus = {
  /** Null where it could not be started. */
  readonly pid: number | null;
  readonly state: string;
  readonly ageSeconds: number;
  /** Null where the system does not say. */
  readonly rssBytes: number | null;
};

export type BlockedClient = { readonly client: string; readonly secondsLeft: number };

/** A request is short; a status has a line's room for each process and a jail for each client. */
export const maxRequestBytes = 4096;
export const maxReplyBytes = 16 * 1024 * 1024;

/** Undefined for anything else, whatever it is. */
export function parseRequest(line: string): ControlRequest | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { command, now = false, client, seconds } = value as Readonly<Record<string, unknown>>;
  switch (command) {
    case 'status':
    case 'reload':
    case 'add-worker':
    case 'remove-worker':
    case 'jail':
      return { command };
    case 'stop':
      return typeof now === 'boolean' ? { command, now } : undefined;
    case 'release':
      return typeof client === 'string' ? { command, client } : undefined;
    case 'block':
      return typeof client === 'string' && isDuration(seconds) ? { command, client, seconds } : undefined;
    default:
      return undefined;
  }
}

/** What a timer holds, about 24 days. */
export const maxBlockSeconds = 2_000_000;

function isDuration(seconds: unknown): seconds is number {
  return typeof seconds === 'number' && seconds > 0 && seconds <= maxBlockSeconds;
}

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { AdminAddress } from '../config/admin-address.ts';
import type { Log } from '../telemetry/error-log.ts';
import { expositionType } from '../telemetry/metrics/exposition.ts';
import { stackOf } from '../telemetry/stack.ts';
import { listenAdmin } from './admin-listen.ts';

/** What is told. */
export interface AdminSource {
  /** Why not; null: it is. */
  unhealthyBecause(): string | null;
  unreadyBecause(): string | null;
  metrics(): Promise<string>;
}

/** Collectors and probes are a handful. */
const maxConnections = 64;
/** A request has to be whole by then, its answer has to have left as long after it, and the next one to have come. */
const patienceMs = 5_000;
const maxHeadBytes = 8 * 1024;
const maxRequestsPerConnection = 1_000;

type Answer = { readonly status: number; readonly text: string; readonly type?: string; readonly allow?: string };

/**
 * The listener of `--admin`. Whoever reaches it is not trusted: it has a bound for everything, and what one of its clients does
 * is no trouble of the master's. The newest connection is always served: where there are too many, the oldest goes.
 */
export class AdminServer {
  /** Null until the server boots. */
  source: AdminSource | null = null;
  readonly #server: Server;
  readonly #address: AdminAddress;
  readonly #log: Log;
  /** In the order in which they came. */
  readonly #connections = new Set<Socket>();
  /** Each has one answer that has not left. */
  readonly #answering = new Set<Socket>();
  readonly #isEnded = new AbortController();

  constructor(address: AdminAddress, log: Log) {
    this.#address = address;
    this.#log = log;
    this.#server = createServer(
      {
        maxHeaderSize: maxHeadBytes,
        headersTimeout: patienceMs,
        requestTimeout: patienceMs,
        keepAliveTimeout: patienceMs,
        connectionsCheckingInterval: 1_000,
      },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxRequestsPerSocket = maxRequestsPerConnection;
    this.#server.timeout = patienceMs;
    this.#server.on('connection', (connection: Socket) => this.#accepted(connection));
    this.#server.on('checkContinue', (request, response) => void this.#serve(request, response));
    this.#server.unref();
  }

  /**
   * Rejects with `BindError` where the address cannot be had. With `waits` a server that ends soon may still have it: then this
   * resolves at once, and it is taken when it is free.
   */
  listen(waits = false): Promise<void> {
    return listenAdmin(this.#server, this.#address, { waits, log: this.#log, signal: this.#isEnded.signal });
  }

  /** Where it listens, for log lines and tests; null: not yet. */
  get url(): string | null {
    const bound = this.#server.address();
    if (bound === null || !this.#server.listening) return null;
    if (typeof bound === 'string') return `unix:${bound}`;
    return `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`;
  }

  close(): void {
    this.#isEnded.abort();
    this.#server.close();
    for (const connection of this.#connections) connection.destroy();
  }

  #accepted(connection: Socket): void {
    connection.on('close', () => this.#connections.delete(connection));
    this.#connections.add(connection);
    const [oldest] = this.#connections;
    if (this.#connections.size > maxConnections) oldest?.destroy();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    // A thousand requests in one packet would be a thousand answers in memory.
    if (this.#answering.has(socket)) return void socket.destroy();
    this.#answering.add(socket);
    // A reset in the middle of an answer is its client's own affair, and so is it not to read.
    const deadline = setTimeout(() => socket.destroy(), patienceMs);
    response
      .on('error', () => {})
      .on('close', () => {
        clearTimeout(deadline);
        this.#answering.delete(socket);
      });
    let answer: Answer;
    try {
      answer = await this.#answer(request);
    } catch (error) {
      this.#log.limited('admin', `A request for metrics failed: ${stackOf(error)}`, 'error');
      answer = { status: 500, text: 'the log of the server says why\n' };
    }
    const { status, text, type = 'text/plain; charset=utf-8', allow } = answer;
    const isUnread = hasContent(request) || status === 421;
    response.writeHead(status, {
      'Content-Type': type,
      'Content-Length': Buffer.byteLength(text),
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      ...(allow === undefined ? {} : { Allow: allow }),
      ...(isUnread ? { Connection: 'close' } : {}),
    });
    response.end(request.method === 'HEAD' ? '' : text);
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return { status: 405, text: 'only GET and HEAD\n', allow: 'GET, HEAD' };
    }
    if (hasContent(request)) return { status: 413, text: 'no content is read\n' };
    if (!this.#isMeant(request.headers.host)) {
      return { status: 421, text: 'Host has to be an address, localhost or the name in --admin\n' };
    }
    const [path] = (request.url ?? '').split('?');
    // `/` is kept for a status page.
    switch (path) {
      case '/healthz':
        return verdict(this.source === null ? 'booting' : this.source.unhealthyBecause());
      case '/readyz':
        return verdict(this.source === null ? 'booting' : this.source.unreadyBecause());
      case '/metrics':
        if (this.source === null) return verdict('booting');
        return { status: 200, text: await this.source.metrics(), type: expositionType };
      default:
        return { status: 404, text: '/healthz, /readyz and /metrics are here\n' };
    }
  }

  /**
   * A page in a browser of this machine can let a name of its own point here, and then read the answers: DNS rebinding. What it
   * cannot do is to make the browser send another name than its own.
   */
  #isMeant(host: string | undefined): boolean {
    if (this.#address.kind === 'unix' || host === undefined) return true;
    const name = host.replace(/:\d*$/, '').toLowerCase();
    const isAddress = isIP(name) === 4 || isIP(name.replace(/^\[(.*)\]$/, '$1')) === 6;
    return isAddress || name === 'localhost' || name === this.#address.host.toLowerCase();
  }
}

function verdict(problem: string | null): Answer {
  return problem === null ? { status: 200, text: 'ok\n' } : { status: 503, text: `${problem}\n` };
}

function hasContent({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { isIP } from 'node:net';
import type { Log } from '../error-log.ts';
import { inDatagrams } from './statsd-lines.ts';

export type StatsdServer = { readonly host: string; readonly port: number };

/** Datagrams that the kernel may keep us waiting for; what comes then is lost. */
const maxUnderWay = 128;
/** A name may point elsewhere by then; one without an address is asked for again. */
const lookupMs = 60_000;
const retryMs = 5_000;
/** The end of a server waits no longer for its last lines. */
const closeMs = 500;

/** Sends and forgets, by UDP: whoever listens there, or does not, costs lines and never time. */
export class StatsdSender {
  readonly #server: StatsdServer;
  readonly #log: Pick<Log, 'limited'>;
  readonly #sockets = new Map<number, Socket>();
  #target: { readonly address: string; readonly family: number } | undefined;
  #lookUpAt = 0;
  #lookingUp: Promise<void> | undefined;
  #isClosed = false;
  #underWay = 0;
  /** Datagrams. */
  lost = 0;

  constructor(server: StatsdServer, log: Pick<Log, 'limited'>) {
    this.#server = server;
    this.#log = log;
  }

  send(lines: readonly string[]): void {
    if (this.#isClosed) return;
    if (performance.now() < this.#lookUpAt) return this.#sendNow(lines);
    // The first lines wait for their address.
    this.#lookingUp ??= this.#lookUp();
    void this.#lookingUp.then(() => this.#sendNow(lines));
  }

  /** Resolves when what was sent before has left, or after a moment. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, closeMs);
    });
    await Promise.race([this.#lookingUp, deadline]);
    this.#isClosed = true;
    const closed = Promise.all([...this.#sockets.values()].map((socket) => once(socket, 'close')));
    this.#closeWhereDone();
    await Promise.race([closed, deadline]);
    clearTimeout(timer);
  }

  #sendNow(lines: readonly string[]): void {
    if (this.#isClosed) return;
    const target = this.#target;
    for (const datagram of inDatagrams(lines)) {
      if (target === undefined || this.#underWay >= maxUnderWay) {
        this.lost++;
        continue;
      }
      this.#underWay++;
      this.#socketOf(target.family).send(datagram, this.#server.port, target.address, (error) => {
        this.#underWay--;
        if (error !== null) this.#failed(error);
        this.#closeWhereDone();
      });
    }
  }

  #socketOf(family: number): Socket {
    const known = this.#sockets.get(family);
    if (known !== undefined) return known;
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    socket.on('error', (error) => this.#failed(error));
    socket.unref();
    this.#sockets.set(family, socket);
    return socket;
  }

  #closeWhereDone(): void {
    if (!this.#isClosed || this.#underWay > 0) return;
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  /** Never rejects. */
  async #lookUp(): Promise<void> {
    const { host } = this.#server;
    try {
      const family = isIP(host);
      this.#target = family === 0 ? await lookup(host, { verbatim: false }) : { address: host, family };
      this.#lookUpAt = performance.now() + lookupMs;
    } catch (error) {
      this.#lookUpAt = performance.now() + retryMs;
      this.#failed(error);
    }
    this.#lookingUp = undefined;
  }

  #failed(error: unknown): void {
    this.lost++;
    const { host, port } = this.#server;
    const reason = error instanceof Error ? error.message : String(error);
    this.#log.limited('statsd', `Metrics do not reach StatsD at ${host}:${port}: ${reason}`);
  }
}

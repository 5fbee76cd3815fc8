import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { reasonOf } from './failure-reason.ts';
import { countLines, type LineTarget, type Loss } from './line-queue.ts';

/** rsyslog's default for the longest message; what is beyond it would be cut there. */
const MAX_MESSAGE_BYTES = 8192;
const LF = 0x0a;

/** Syslog over UDP: one datagram a line. Connected, so that a receiver on this machine that is not there is noticed. */
export class SyslogDatagrams implements LineTarget {
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | null = null;
  /** Of datagrams that had left already. */
  #refusal: string | null = null;

  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  async append(lines: Buffer): Promise<Loss | null> {
    let lost = 0;
    let reason = '';
    try {
      const socket = await this.#connected();
      for (let start = 0; start < lines.length; ) {
        const end = lines.indexOf(LF, start);
        const message = lines.subarray(start, Math.min(end < 0 ? lines.length : end, start + MAX_MESSAGE_BYTES));
        const problem = (await send(socket, message)) ?? this.#refusal;
        this.#refusal = null;
        if (problem !== null) {
          lost += 1;
          reason = problem;
        }
        start = end < 0 ? lines.length : end + 1;
      }
      return lost === 0 ? null : { lines: lost, reason };
    } catch (error) {
      this.close();
      return { lines: countLines(lines), reason: reasonOf(error) };
    }
  }

  async reopen(): Promise<null> {
    return null;
  }

  close(): void {
    this.#socket?.close();
    this.#socket = null;
  }

  async #connected(): Promise<Socket> {
    if (this.#socket !== null) return this.#socket;
    const { address } = isIP(this.#host) === 0 ? await lookup(this.#host) : { address: this.#host };
    const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4');
    socket.unref();
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(this.#port, address, () => {
        socket.off('error', reject);
        resolve();
      });
    });
    socket.on('error', (error) => {
      this.#refusal = reasonOf(error);
    });
    this.#socket = socket;
    return socket;
  }
}

function send(socket: Socket, message: Buffer): Promise<string | null> {
  return new Promise((resolve) => socket.send(message, (error) => resolve(error === null ? null : reasonOf(error))));
}

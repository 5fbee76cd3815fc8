import { spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { reasonOf } from './failure-reason.ts';
import { countLines, type LineTarget, type Loss } from './line-queue.ts';
import type { SyslogAddress } from './syslog.ts';
import { SyslogDatagrams } from './syslog-datagrams.ts';

/** A receiver that is not there is not asked again sooner. */
const RETRY_MS = 1_000;
/** One that takes a connection no further. */
const CONNECT_MS = 5_000;
const LF = 0x0a;

export function syslogTarget(address: SyslogAddress, tag: string): LineTarget {
  if (address.kind !== 'unix') {
    const { kind, host, port } = address;
    if (kind === 'udp') return new SyslogDatagrams(host, port);
    return new SyslogStream(() => connected(connect(port, host)), asLines);
  }
  const { path, type } = address;
  const throughLogger = new SyslogStream(() => startLogger(path, tag), withoutTag(tag));
  if (type === 'dgram') return throughLogger;
  const stream = new SyslogStream(() => connected(connect(path)), endedByNul);
  return type === 'stream' ? stream : new EitherSocket(stream, throughLogger);
}

/** Syslog over a connection, which is made with the first line and again after it broke. */
class SyslogStream implements LineTarget {
  readonly #open: () => Promise<Writable>;
  readonly #encode: (lines: Buffer) => Buffer;
  #stream: Writable | null = null;
  #problem = '';
  #retryAt = 0;

  constructor(open: () => Promise<Writable>, encode: (lines: Buffer) => Buffer) {
    this.#open = open;
    this.#encode = encode;
  }

  async append(lines: Buffer): Promise<Loss | null> {
    const stream = this.#stream ?? (await this.#connect());
    if (stream === null) return { lines: countLines(lines), reason: this.#problem };
    const problem = await new Promise<string | null>((resolve) => {
      stream.write(this.#encode(lines), (error) => resolve(error == null ? null : reasonOf(error)));
    });
    if (problem === null) return null;
    this.close();
    return { lines: countLines(lines), reason: problem };
  }

  async reopen(): Promise<null> {
    return null;
  }

  close(): void {
    this.#stream?.end();
    this.#stream = null;
  }

  async #connect(): Promise<Writable | null> {
    if (performance.now() < this.#retryAt) return null;
    this.#retryAt = performance.now() + RETRY_MS;
    try {
      const stream = await this.#open();
      // The reason of what is lost until it may be opened again.
      this.#problem = 'the receiver has ended the connection';
      stream.on('error', (error) => {
        this.#problem = reasonOf(error);
      });
      stream.on('close', () => {
        if (this.#stream === stream) this.#stream = null;
      });
      this.#stream = stream;
      return stream;
    } catch (error) {
      this.#problem = reasonOf(error);
      return null;
    }
  }
}

/** A Unix socket of which nobody said what kind it is. */
class EitherSocket implements LineTarget {
  #target: LineTarget;
  #other: LineTarget | null;

  constructor(stream: LineTarget, datagrams: LineTarget) {
    this.#target = stream;
    this.#other = datagrams;
  }

  async append(lines: Buffer): Promise<Loss | null> {
    const loss = await this.#target.append(lines);
    if (loss?.reason !== 'EPROTOTYPE' || this.#other === null) return loss;
    this.#target = this.#other;
    this.#other = null;
    return this.#target.append(lines);
  }

  async reopen(): Promise<null> {
    return null;
  }

  close(): void {
    this.#target.close();
  }
}

function connected(socket: Socket): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error('ETIMEDOUT')), CONNECT_MS);
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      // Whatever it says is not for us; its end has to be noticed.
      socket.resume().unref();
      resolve(socket);
    });
  });
}

/** Node has no datagrams over Unix sockets; `logger` of util-linux has. It ends with its standard input. */
function startLogger(path: string, tag: string): Promise<Writable> {
  const flags = ['--socket', path, '--udp', '--prio-prefix', '--size', '8KiB', '--tag', tag];
  const { PATH = '/usr/local/bin:/usr/bin:/bin' } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn('logger', flags, { stdio: ['pipe', 'ignore', 'ignore'], env: { PATH } });
    child.once('error', reject);
    child.once('spawn', () => resolve(child.stdin));
    child.unref();
  });
}

/** RFC 6587 section 3.4.2. */
function asLines(lines: Buffer): Buffer {
  return lines;
}

/** As the C library does on a Unix stream, which is where such receivers take their messages from. */
function endedByNul(lines: Buffer): Buffer {
  return Buffer.from(lines.map((byte) => (byte === LF ? 0 : byte)));
}

/** `logger` puts its own before each line. */
function withoutTag(tag: string): (lines: Buffer) => Buffer {
  return (lines) => {
    const texts = lines.toString('latin1').split('\n');
    return Buffer.from(texts.map((text) => text.replace(`>${tag}: [`, '>[')).join('\n'), 'latin1');
  };
}

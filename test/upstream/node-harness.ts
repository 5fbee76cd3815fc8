import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FrameDecoder, frameType } from '../../src/link/frame.ts';
import { helloBytes, writeHello } from '../../src/link/greeting.ts';
import { openErrorLog } from '../../src/telemetry/error-log.ts';
import type { DispatchBounds } from '../../src/upstream/dispatch.ts';
import { NodeDispatcher, type NodeDispatcherOptions } from '../../src/upstream/node.ts';
import type { Invitation } from '../../src/upstream/node-invitation.ts';
import { frameBytes, type SeenFrame } from '../link/bytes.ts';
import { within } from '../support/deadline.ts';
import { WorkerProcess } from '../worker/worker-process.ts';

export const appsPath = fileURLToPath(new URL('../worker/fixtures/apps.js', import.meta.url));

export const bounds: DispatchBounds = {
  helloMs: 10_000,
  contentWindowBytes: 65_536,
  responseWindowBytes: 100_000,
  maxEnvironBytes: 65_536,
  maxResponseHeadBytes: 65_536,
  queueMax: 100,
};

/** An edge's dispatcher with a private directory, its log, and the workers that were connected to it. */
export class NodeHarness {
  readonly privateDirectory = mkdtempSync(join(tmpdir(), 'node-'));
  readonly dispatcher: NodeDispatcher;
  readonly gone: { readonly worker: number; readonly fault: string | null }[] = [];
  logged = '';
  readonly #workers: WorkerProcess[] = [];
  readonly #scripted: ScriptedWorker[] = [];
  #lastWorker = 0;

  constructor(options: Partial<NodeDispatcherOptions> = {}) {
    this.dispatcher = new NodeDispatcher({
      privateDirectory: this.privateDirectory,
      ...bounds,
      requestsPerWorker: 1000,
      log: openErrorLog({ level: 'debug', write: (lines) => (this.logged += lines) }),
      onWorkerGone: (worker, fault) => {
        this.gone.push({ worker, fault });
      },
      ...options,
    });
  }

  /** A real worker process, linked. */
  async addWorker(path = appsPath): Promise<WorkerProcess> {
    const worker = new WorkerProcess(path);
    this.#workers.push(worker);
    await worker.started();
    await this.link(worker);
    return worker;
  }

  async link(worker: WorkerProcess): Promise<void> {
    const before = this.dispatcher.workers;
    worker.connect(await this.dispatcher.expectWorker(++this.#lastWorker, worker.pid));
    await this.until(() => this.dispatcher.workers > before, 'the worker did not connect');
  }

  /** A worker in this process that does nothing by itself. */
  async addScriptedWorker(): Promise<ScriptedWorker> {
    const before = this.dispatcher.workers;
    const worker = new ScriptedWorker(await this.dispatcher.expectWorker(++this.#lastWorker, process.pid));
    this.#scripted.push(worker);
    worker.hello();
    await worker.receive(frameType.welcome);
    await this.until(() => this.dispatcher.workers > before, 'the worker was not accepted');
    return worker;
  }

  /** What lies in the private directory. */
  get files(): readonly string[] {
    return readdirSync(this.privateDirectory);
  }

  async until(holds: () => boolean, what: string): Promise<void> {
    const held = new Promise<void>((resolve) => {
      const check = (): void => {
        if (holds()) resolve();
        else setImmediate(check);
      };
      check();
    });
    await within(30_000, held, () => `${what}:\n${this.logged}`);
  }

  async stop(): Promise<void> {
    this.dispatcher.close();
    for (const worker of this.#scripted) worker.socket.destroy();
    await Promise.all(this.#workers.map((worker) => worker.stop()));
    rmSync(this.privateDirectory, { recursive: true });
  }
}

/** A worker's end of a link that sends exactly what it is told to. */
export class ScriptedWorker {
  readonly invitation: Invitation;
  readonly socket: Socket;
  readonly frames: SeenFrame[] = [];
  readonly closed: Promise<void>;
  readonly #changed = new Set<() => void>();
  #isClosed = false;

  constructor(invitation: Invitation) {
    this.invitation = invitation;
    const decoder = new FrameDecoder(1 << 20, {
      receiveFrame: (type, end, id, bytes, start, stop) => {
        this.frames.push({ type, end, id, payload: bytes.toString('latin1', start, stop) });
        return null;
      },
    });
    this.socket = connect(invitation.path);
    this.socket.on('error', () => {});
    this.socket.on('data', (bytes: Buffer) => {
      decoder.receive(bytes, bytes.length);
      this.#change();
    });
    this.closed = new Promise((resolve) => {
      this.socket.on('close', () => {
        this.#isClosed = true;
        this.#change();
        resolve();
      });
    });
  }

  hello(pid = process.pid, token = Buffer.from(this.invitation.token, 'hex')): void {
    const payload = Buffer.alloc(helloBytes);
    writeHello(payload, 0, pid, token);
    this.socket.write(frameBytes(frameType.hello, 0, payload));
  }

  send(type: number, id: number, payload: string | Uint8Array = '', flags = 0): void {
    this.socket.write(frameBytes(type, id, payload, flags));
  }

  /** The `count`-th frame of this type. */
  async receive(type: number, count = 1): Promise<SeenFrame> {
    const found = new Promise<SeenFrame>((resolve, reject) => {
      const check = (): void => {
        const frame = this.frames.filter((seen) => seen.type === type)[count - 1];
        if (frame !== undefined) resolve(frame);
        else if (this.#isClosed) reject(new Error(`closed without frame ${count} of type ${type}`));
        else return;
        this.#changed.delete(check);
      };
      this.#changed.add(check);
      check();
    });
    return within(30_000, found, () => `no frame of type ${type}: ${JSON.stringify(this.frames)}`);
  }

  #change(): void {
    for (const check of [...this.#changed]) check();
  }
}

/** The payload of a response frame. */
export function responsePayload(head: string, content = ''): Buffer {
  const bytes = Buffer.alloc(4 + head.length + content.length);
  bytes.writeUInt32LE(head.length);
  bytes.write(head + content, 4, 'latin1');
  return bytes;
}

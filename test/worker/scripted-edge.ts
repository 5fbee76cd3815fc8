import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FrameDecoder, frameType } from '../../src/link/frame.ts';
import { helloFault, welcomeBytes, writeWelcome } from '../../src/link/greeting.ts';
import { StartedFile } from '../../src/link/started-file.ts';
import type { Invitation } from '../../src/upstream/node-invitation.ts';
import { frameBytes, type SeenFrame } from '../link/bytes.ts';
import { Changes } from '../support/changes.ts';
import { within } from '../support/deadline.ts';

const token = Buffer.alloc(32, 7);
/** Of the first welcome. */
export const contentWindow = 1000;
export const responseWindow = 10_000;
export const maxPayload = 100_000;

/** A worker process in any language. */
type Linked = { readonly pid: number; connect(invitation: Invitation): void };

/** An edge's end of a link that sends exactly what it is told to. */
export class ScriptedEdge {
  readonly frames: SeenFrame[] = [];
  readonly folder = mkdtempSync(join(tmpdir(), 'edge-'));
  readonly invitation = {
    path: join(this.folder, 'link'),
    token: token.toString('hex'),
    startedPath: join(this.folder, 'started'),
  };
  readonly started: StartedFile;
  socket: Socket | null = null;
  helloFault: string | null = null;
  isClosed = false;
  readonly #server: Server;
  readonly #changes = new Changes();

  private constructor(worker: Linked) {
    this.started = StartedFile.create(this.invitation.startedPath, 1);
    this.#server = createServer((socket) => this.#accept(socket, worker.pid)).listen(this.invitation.path);
  }

  static async link(worker: Linked): Promise<ScriptedEdge> {
    const edge = new ScriptedEdge(worker);
    await within(
      30_000,
      new Promise<void>((resolve) => edge.#server.once('listening', resolve)),
      () => 'not listening',
    );
    worker.connect(edge.invitation);
    await edge.receive(frameType.hello);
    return edge;
  }

  send(type: number, id: number, payload: string | Uint8Array = '', flags = 0): void {
    this.socket?.write(frameBytes(type, id, payload, flags));
  }

  welcome(contentWindowBytes: number, responseWindowBytes: number): void {
    const welcome = Buffer.alloc(welcomeBytes);
    writeWelcome(welcome, 0, { contentWindowBytes, responseWindowBytes, maxPayloadBytes: maxPayload });
    this.send(frameType.welcome, 0, welcome);
  }

  async receive(type: number, count = 1): Promise<SeenFrame> {
    let frame: SeenFrame | undefined;
    await this.until(() => {
      frame = this.frames.filter((seen) => seen.type === type)[count - 1];
      return frame !== undefined;
    });
    assert.ok(frame !== undefined);
    return frame;
  }

  async closed(): Promise<void> {
    await this.until(() => this.isClosed);
  }

  stop(): void {
    this.socket?.destroy();
    this.#server.close();
    this.started.close();
    rmSync(this.folder, { recursive: true });
  }

  async until(holds: () => boolean): Promise<void> {
    await this.#changes.until(holds, 30_000, () => `frames: ${JSON.stringify(this.frames)}, closed: ${this.isClosed}`);
  }

  #accept(socket: Socket, pid: number): void {
    this.socket = socket;
    const decoder = new FrameDecoder(1 << 20, {
      receiveFrame: (type, end, id, bytes, start, stop) => {
        if (type === frameType.hello) this.helloFault = helloFault(bytes, start, stop, { pid, token });
        this.frames.push({ type, end, id, payload: bytes.toString('latin1', start, stop) });
        return null;
      },
    });
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      decoder.receive(bytes, bytes.length);
      this.#changes.happened();
    });
    socket.on('close', () => {
      this.isClosed = true;
      this.#changes.happened();
    });
    this.welcome(contentWindow, responseWindow);
  }
}

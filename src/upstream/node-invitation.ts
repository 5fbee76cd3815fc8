import { randomBytes } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { tokenBytes } from '../link/greeting.ts';
import { firstRequestId } from '../link/request-id.ts';
import { StartedFile, unlinkStartedFile } from '../link/started-file.ts';
import type { ExpectedWorker } from './node-link.ts';

/** What the master passes on to the worker. `token` is in hexadecimal. */
export type Invitation = { readonly path: string; readonly token: string; readonly startedPath: string };

export type InvitationOptions = {
  /** 0700, and short: the path of a Unix socket has at most 107 bytes. */
  readonly privateDirectory: string;
  /** Workers are another user: the group of the directory, theirs alone, may use what is made for them. */
  readonly sharesLinks?: boolean;
  /** The first request id of new links; tests start near the wrap-around. */
  readonly firstId?: number;
};

export interface InvitationOwner {
  invitationAccepted(invitation: NodeInvitation, socket: Socket): void;
  invitationExpired(invitation: NodeInvitation): void;
}

/**
 * A socket path that exactly one worker may connect to, once, and soon. The names are fresh and random, in a directory
 * that nobody else can enter; that the one who comes is the one meant is for the token to prove.
 */
export class NodeInvitation {
  readonly expected: ExpectedWorker;
  /** From now to the worker's hello. */
  readonly helloMs: number;
  readonly #owner: InvitationOwner;
  readonly #server: Server;
  readonly #mode: number;
  readonly #paths: { readonly socket: string; readonly started: string };
  readonly #deadline: NodeJS.Timeout;
  #state: 'listening' | 'connected' | 'over' = 'listening';

  constructor(worker: number, pid: number, helloMs: number, options: InvitationOptions, owner: InvitationOwner) {
    const { privateDirectory, sharesLinks = false, firstId = firstRequestId } = options;
    this.#mode = sharesLinks ? 0o660 : 0o600;
    this.helloMs = helloMs;
    const name = randomBytes(8).toString('hex');
    this.#owner = owner;
    this.#paths = {
      socket: join(privateDirectory, `link-${name}`),
      started: join(privateDirectory, `started-${name}`),
    };
    const started = StartedFile.create(this.#paths.started, firstId, this.#mode);
    this.expected = { worker, pid, token: randomBytes(tokenBytes), started, firstId };
    this.#server = createServer((socket) => this.#accept(socket));
    this.#deadline = setTimeout(() => this.#owner.invitationExpired(this), helloMs);
  }

  listen(): Promise<Invitation> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error) => {
        this.cancel();
        reject(error);
      });
      this.#server.listen(this.#paths.socket, () => {
        const { socket: path, started: startedPath } = this.#paths;
        chmodSync(path, this.#mode);
        resolve({ path, token: Buffer.from(this.expected.token).toString('hex'), startedPath });
      });
    });
  }

  /** The worker said hello, or the link is over: nothing is left of the invitation. */
  finish(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    clearTimeout(this.#deadline);
    unlinkStartedFile(this.#paths.started);
    // Unlinks the path as well.
    this.#server.close();
  }

  /** Where no link took over the started file. */
  cancel(): void {
    if (this.#state === 'listening') this.expected.started.close();
    this.finish();
  }

  #accept(socket: Socket): void {
    if (this.#state !== 'listening') {
      socket.destroy();
      return;
    }
    this.#state = 'connected';
    this.#server.close();
    this.#owner.invitationAccepted(this, socket);
  }
}

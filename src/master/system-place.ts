import type { Config } from '../config/config.ts';
import type { SystemUser } from '../config/system-user.ts';
import { type Identity, takeIdentity } from '../process/identity.ts';
import { type Phase, titleOf } from '../process/title.ts';
import type { Log } from '../telemetry/error-log.ts';
import type { SocketAccess } from './listeners.ts';
import { type Owner, PidFile, PidFileError } from './pid-file.ts';
import { type ServiceManager, serviceManagerOf } from './service-manager.ts';

/** The server cannot be what it was asked to be. `message` is one paragraph for the operator. */
export class PlaceError extends Error {
  override readonly name = 'PlaceError';
}

/**
 * The master's place in the system: its pid file, its user, its title, and what the service manager hears. Taken before
 * anything is bound, so that a second start says who runs already; left when no child remains.
 */
export class SystemPlace {
  readonly #serviceManager: ServiceManager;
  readonly #config: Config;
  readonly #log: Log;
  readonly #announceReady: () => void;
  #pidFile: PidFile | null = null;

  /** `isAlive` and `announceReady` are asked and called later. Throws `PlaceError` and `PidFileError`. */
  constructor(
    config: Config,
    log: Log,
    predecessor: { readonly gone: Promise<void> } | null,
    isAlive: () => boolean,
    announceReady: () => void,
  ) {
    this.#config = config;
    this.#log = log;
    this.#announceReady = announceReady;
    this.#showPhase('booting');
    const problem = problemOfUsers(config);
    if (problem !== null) throw new PlaceError(problem);
    this.#takePidFile(predecessor);
    this.#serviceManager = serviceManagerOf(process.env, log, isAlive);
  }

  /** As in Gunicorn, the one that takes over has `FILE.2` until the old one is gone. */
  #takePidFile(predecessor: { readonly gone: Promise<void> } | null): void {
    const { pidFile } = this.#config;
    if (pidFile === null) return;
    // A master that stays root keeps it: whoever can write it says which process root's next `kill` hits.
    const owner = this.#config.workerUser === null ? futureOwner(this.#config) : null;
    if (predecessor === null) {
      this.#pidFile = PidFile.create(pidFile, owner);
      return;
    }
    const second = PidFile.create(`${pidFile}.2`, owner);
    this.#pidFile = second;
    void predecessor.gone.then(() => {
      if (this.#pidFile === second) this.#renamePidFile(pidFile);
    });
  }

  #renamePidFile(path: string): void {
    try {
      this.#pidFile?.rename(path);
    } catch (error) {
      if (!(error instanceof PidFileError)) throw error;
      this.#log.error(error.message);
    }
  }

  /** From here on nothing of this process and its children is root's, except where a worker user needs a master that is. */
  becomeUser(): void {
    // Not of a start that failed: what is wrong with it would be the second line.
    tellOfRoot(this.#config, this.#log);
    warnOfProcessOne(this.#log);
    becomeUser(this.#config);
  }

  /** The workers serve, also after a reload. */
  serving(status: string): void {
    this.#showPhase('serving');
    this.#serviceManager.ready(status);
    this.#announceReady();
  }

  reloading(): void {
    this.#serviceManager.reloading();
  }

  stopping(): void {
    this.#showPhase('draining');
    this.#serviceManager.stopping();
  }

  /** A file that cannot be had leaves the old one: a reload takes nothing away. */
  movePidFile(path: string | null): void {
    try {
      const next = path === null ? null : PidFile.create(path);
      this.#pidFile?.unlink();
      this.#pidFile = next;
    } catch (error) {
      if (!(error instanceof PidFileError)) throw error;
      this.#log.error(error.message);
    }
  }

  async leave(): Promise<void> {
    this.#pidFile?.unlink();
    await this.#serviceManager.close();
  }

  #showPhase(phase: Phase): void {
    process.title = titleOf('master', this.#config.processName, phase);
  }
}

/** Nobody may start as root what was meant to run as somebody else: the reason is in `PlaceError`. */
export function becomeUser({ user, workerUser, initGroups }: Config): void {
  if (user === null || workerUser !== null) return;
  try {
    takeIdentity({ ...user, initGroups });
  } catch (error) {
    throw new PlaceError(`Cannot run as ${userText(user)}: ${error instanceof Error ? error.message : error}.`);
  }
}

/** Whom children become by themselves: with a worker user the master stays root, because it has to start them. */
export function identityOf(role: 'edge' | 'worker', { user, workerUser, initGroups }: Config): Identity | null {
  const child = role === 'worker' ? workerUser : user;
  // Not root: a check of the configuration, which runs as whoever asks for it.
  return workerUser === null || child === null || !isRoot() ? null : { ...child, initGroups };
}

/** Whose the files are that outlive the change of user; null: nobody changes. */
export function futureOwner({ user }: Config): Owner | null {
  return user !== null && isRoot() ? user : null;
}

/** Of Unix sockets that are bound. */
export function socketAccess(config: Config): SocketAccess {
  return { owner: futureOwner(config), umask: config.socketUmask };
}

function problemOfUsers({ user, workerUser }: Config): string | null {
  if (isRoot() || user === null) return null;
  if (workerUser !== null) return 'Only root can start workers as another user: --worker-user needs a start as root.';
  const isWeAlready = user.uid === process.getuid?.() && user.gid === process.getgid?.();
  return isWeAlready ? null : `Only root can become ${userText(user)}: leave --user and --group out, or start as root.`;
}

/** Gunicorn's lines at start are read by programs: what is worth a thought, and no mistake, is for whoever asks for more. */
function tellOfRoot({ user }: Config, log: Log): void {
  if (!isRoot() || (user !== null && user.uid !== 0)) return;
  log.debug('Running as root: whoever breaks into the application has the machine. --user names another user.');
}

function warnOfProcessOne(log: Log): void {
  if (process.pid !== 1) return;
  log.warning('Running as process 1: orphans of the application are not reaped. Start it with tini, or docker --init.');
}

function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

function userText({ name, uid, gid }: SystemUser): string {
  return name === null ? `user ${uid}, group ${gid}` : `user ${name}, group ${gid}`;
}

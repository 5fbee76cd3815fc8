import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type BindAddress, parseBindAddress } from '../config/bind-address.ts';
import type { Log } from '../telemetry/error-log.ts';
import { inheritListener, type Listener } from './listeners.ts';

/**
 * USR2: a new program takes over the listeners while the old one serves. Both accept from then on; WINCH lets the processes of
 * the old one go and keeps its master, so that HUP brings them back should the new program be no good, and TERM ends it.
 *
 * The new master is a child of the old one. It finds in one variable whose child it is and which of its descriptors is what:
 * a stream to the old master, over which a byte says that it serves and whose end that the old one is gone, and the listeners.
 */
const variable = 'PORTCULLIS_UPGRADE_OF';
const lifelineDescriptor = 3;
const firstListenerDescriptor = 4;

type Handover = {
  readonly pid: number;
  /** The keys of the listeners, in the order of their descriptors. */
  readonly keys: readonly string[];
  /** They are all that there is to listen on: a service manager bound them for the first program. */
  readonly areGiven: boolean;
};

/** A new master as the old one sees it. `serving`: its clients may be left to it. */
export class Successor {
  readonly #log: Log;
  readonly #hasEnded: () => void;
  #process: ChildProcess | undefined;
  #state: 'none' | 'booting' | 'serving' = 'none';
  /** Whoever wants to know what becomes of it. */
  #waiting: (() => void)[] = [];

  /** `ended` is called whenever one has ended, and this master is the only one again. */
  constructor(log: Log, ended: () => void) {
    this.#log = log;
    this.#hasEnded = ended;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** There is one, whether it serves yet or not. */
  get lives(): boolean {
    return this.#state !== 'none';
  }

  get serves(): boolean {
    return this.#state === 'serving';
  }

  /** Resolves when it serves, at once where it does already; false: it has ended before. */
  async served(): Promise<boolean> {
    if (this.#state === 'booting') await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.serves;
  }

  /** The same command line in the same place, with the program and the configuration as they are now. */
  start(listeners: readonly Listener[]): void {
    if (this.lives) return this.#log.warning(`There is a new master already (pid:${this.pid}).`);
    const keys = listeners.map(({ key }) => key);
    const areGiven = keys.every((key) => key.startsWith('descriptor '));
    const handover: Handover = { pid: process.pid, keys, areGiven };
    let child: ChildProcess;
    try {
      child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
        env: { ...environmentOfSuccessor(process.env), [variable]: JSON.stringify(handover) },
        stdio: ['ignore', 'inherit', 'inherit', 'pipe', ...listeners.map(({ descriptor }) => descriptor)],
      });
    } catch (error) {
      // Out of memory: nobody is asked to end for that.
      return this.#log.error(`The new master could not be started: ${String(error)}; this one goes on`);
    }
    this.#process = child;
    this.#state = 'booting';
    child.on('error', (error) => this.#ended(`could not be started: ${error.message}`));
    child.on('exit', (code, signal) => this.#ended(`ended (${signal ?? `exit ${code}`})`));
    // There is none where the system had no descriptors left.
    const lifeline = child.stdio?.[lifelineDescriptor];
    if (!(lifeline instanceof Duplex)) return;
    lifeline.on('error', () => {});
    lifeline.once('data', () => this.#serves());
    this.#log.info(`Booting new master with pid: ${child.pid}`);
    // It outlives us.
    child.unref();
  }

  #serves(): void {
    if (this.#state !== 'booting') return;
    this.#state = 'serving';
    this.#tell();
    this.#log.info(`New master serves (pid:${this.pid}): WINCH lets the processes of this one go, TERM ends it`);
  }

  #ended(how: string): void {
    if (this.#state === 'none') return;
    this.#state = 'none';
    this.#log.error(`New master (pid:${this.pid}) ${how}; this one goes on`);
    this.#process = undefined;
    this.#tell();
    this.#hasEnded();
  }

  #tell(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** A watchdog that is ours becomes its: under our number it would take the variable for somebody else's and give no sign of life. */
function environmentOfSuccessor({ WATCHDOG_PID: watched, ...others }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return watched === undefined || Number(watched) === process.pid ? others : { ...others, WATCHDOG_PID: watched };
}

/** The old master as the new one sees it. */
export class Predecessor {
  readonly pid: number;
  /** Asked for by the old one's configuration; not all of them need be by ours. While it lives, files of sockets are its own. */
  readonly listeners: readonly Listener[];
  /** The addresses that hold, whatever our configuration says; null: it decides. */
  readonly given: readonly BindAddress[] | null;
  /** Resolves when it has ended. */
  readonly gone: Promise<void>;
  readonly #lifeline: Socket;
  #lives = true;

  /** Null in a program that was started in the usual way. Once asked, the variable is gone. */
  static async find(environment: NodeJS.ProcessEnv): Promise<Predecessor | null> {
    const handover = parsedHandover(environment[variable]);
    delete environment[variable];
    // One that leaked to another process means nothing there.
    if (handover === null || handover.pid !== process.ppid) return null;
    const listeners = handover.keys.map((key, index) => inheritListener(key, firstListenerDescriptor + index));
    return new Predecessor(handover, await Promise.all(listeners));
  }

  private constructor({ pid, keys, areGiven }: Handover, listeners: readonly Listener[]) {
    this.pid = pid;
    this.listeners = listeners.map((listener) => ({
      ...listener,
      close: () => (this.#lives ? listener.leave() : listener.close()),
    }));
    this.given = areGiven ? keys.map((key) => parseBindAddress(key.replace('descriptor ', 'fd://'), '')) : null;
    this.#lifeline = new Socket({ fd: lifelineDescriptor });
    this.#lifeline.on('error', () => {});
    this.gone = new Promise((resolve) => {
      this.#lifeline.once('close', () => {
        this.#lives = false;
        resolve();
      });
    });
    this.#lifeline.resume();
    this.#lifeline.unref();
  }

  /** Tells it that it may go. */
  weServe(): void {
    if (this.#lifeline.writable) this.#lifeline.write('\n');
  }
}

/** This program was started by another one that it takes over from. */
export function isUpgrade(environment: NodeJS.ProcessEnv): boolean {
  return parsedHandover(environment[variable])?.pid === process.ppid;
}

function parsedHandover(text: string | undefined): Handover | null {
  try {
    const value = JSON.parse(text ?? '') as Partial<Record<keyof Handover, unknown>> | null;
    const { pid, keys, areGiven } = value ?? {};
    const isHandover = typeof pid === 'number' && Array.isArray(keys) && keys.every((key) => typeof key === 'string');
    return isHandover ? { pid, keys, areGiven: areGiven === true } : null;
  } catch {
    return null;
  }
}

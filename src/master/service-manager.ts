import { type ChildProcess, spawn } from 'node:child_process';
import type { Log } from '../telemetry/error-log.ts';

/** What the service manager hears of the server (systemd: `Type=notify`). Everywhere else nothing happens. */
export interface ServiceManager {
  /** The server listens and its workers have booted; also after a reload. `status` is a line of `systemctl status`. */
  ready(status: string): void;
  reloading(): void;
  stopping(): void;
  status(text: string): void;
  /** What was said last has been delivered, or cannot be; nothing more is sent. */
  close(): Promise<void>;
}

const program = 'systemd-notify';
/** It waits until the manager has read the message: a manager that hangs must not make us do so. */
const deliveryMs = 5_000;

const nobody: ServiceManager = {
  ready: () => {},
  reloading: () => {},
  stopping: () => {},
  status: () => {},
  close: async () => {},
};

/** `isAlive` is asked before each sign of life that a watchdog of the manager is given. */
export function serviceManagerOf(environment: NodeJS.ProcessEnv, log: Log, isAlive: () => boolean): ServiceManager {
  const { NOTIFY_SOCKET: socket = '' } = environment;
  return socket === '' ? nobody : new Systemd(socket, environment, log, isAlive);
}

/**
 * Node cannot send to a datagram socket of the file system, so a program of systemd's does it, one message at a time and in
 * their order. It is another process than the one that the manager started: the unit needs `NotifyAccess=all`.
 */
class Systemd implements ServiceManager {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #log: Log;
  readonly #watchdog: NodeJS.Timeout | undefined;
  #last: Promise<void> = Promise.resolve();
  #isMissing = false;
  #waiting = 0;

  constructor(socket: string, environment: NodeJS.ProcessEnv, log: Log, isAlive: () => boolean) {
    this.#environment = { PATH: environment['PATH'] ?? '/usr/bin:/bin', NOTIFY_SOCKET: socket };
    this.#log = log;
    const everyMs = watchdogMs(environment);
    if (everyMs === null) return;
    this.#watchdog = setInterval(() => {
      // One sign of life that is not read yet says as much as two.
      if (this.#waiting === 0 && isAlive()) this.#send('WATCHDOG=1');
    }, everyMs);
  }

  ready(status: string): void {
    this.#send('READY=1', `MAINPID=${process.pid}`, `STATUS=${oneLine(status)}`);
  }

  /** Since systemd 253 a reload counts from this time of the machine's monotonic clock, in microseconds. */
  reloading(): void {
    this.#send('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`, 'STATUS=Reloading');
  }

  stopping(): void {
    this.#send('STOPPING=1', 'STATUS=Stopping');
  }

  status(text: string): void {
    this.#send(`STATUS=${oneLine(text)}`);
  }

  close(): Promise<void> {
    clearInterval(this.#watchdog);
    return this.#last;
  }

  #send(...assignments: readonly string[]): void {
    if (this.#isMissing) return;
    this.#waiting += 1;
    this.#last = this.#last
      .then(() => this.#deliver(assignments))
      .finally(() => {
        this.#waiting -= 1;
      });
  }

  #deliver(assignments: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isMissing) return resolve();
      let notify: ChildProcess;
      try {
        notify = spawn(program, assignments, {
          env: this.#environment,
          stdio: 'ignore',
          timeout: deliveryMs,
          killSignal: 'SIGKILL',
        });
      } catch (error) {
        // Out of memory: the message is lost, and the next one is tried.
        this.#fail(String(error));
        return resolve();
      }
      notify.on('error', (error: NodeJS.ErrnoException) => {
        this.#fail(error.code === 'ENOENT' ? `there is no program ${program}` : error.message);
        if (error.code === 'ENOENT') this.#isMissing = true;
        resolve();
      });
      notify.on('exit', (code, signal) => {
        if (code !== 0) this.#fail(`${program} ended with ${signal ?? `exit status ${code}`}`);
        resolve();
      });
    });
  }

  #fail(problem: string): void {
    this.#log.limited('service-manager', `The service manager is not told how the server is: ${problem}.`);
  }
}

/** Half of the time after which the manager gives us up; null: it does not watch, or watches another process. */
function watchdogMs({ WATCHDOG_USEC: microseconds = '', WATCHDOG_PID: pid }: NodeJS.ProcessEnv): number | null {
  const isForUs = pid === undefined || pid === '' || Number(pid) === process.pid;
  if (!isForUs || !/^[1-9]\d*$/.test(microseconds)) return null;
  return Math.max(1, Number(microseconds) / 2000);
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}]+/gu, ' ');
}

import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/config.ts';
import { hasWorkerProcesses } from '../config/worker-class.ts';
import type { Log } from '../telemetry/error-log.ts';
import { logFailure } from './child-end.ts';
import type { Renewal } from './child-pool.ts';
import { BindError, type Listener, rebindListeners } from './listeners.ts';
import type { Processes, Setup } from './processes.ts';
import type { Renewed } from './reload.ts';
import { socketAccess } from './system-place.ts';

/** What an edge is started with; the application where it runs inside. A policy is told to those that live. */
const settingsOfEdges = [
  'binds',
  'workerConnections',
  'scriptName',
  'backlog',
  'logLevel',
  'accessLog',
  'record',
] as const;

/**
 * Brings a new configuration to the processes: sockets that it asks for are bound, processes that know another configuration
 * make place for new ones, and sockets that it does not ask for any more are closed. The application is loaded anew in any
 * case. Each step that fails leaves what was, is logged and does not hold up the others.
 */
export class ProcessRenewal {
  readonly #processes: Processes;
  readonly #log: Log;
  readonly #news: string[] = [];
  readonly #problems: string[] = [];
  #before: Setup;
  #after: Setup;

  constructor(processes: Processes, log: Log, before: Setup, after: Config) {
    this.#processes = processes;
    this.#log = log;
    this.#before = before;
    this.#after = { config: after, listeners: before.listeners };
  }

  /** Answers what is in force now. */
  async run(): Promise<Renewed & { readonly listeners: readonly Listener[] }> {
    await this.#bind();
    if (this.#after.config.workerClass === 'inline') {
      await this.#renewEdges('Application');
    } else {
      if (hasWorkerProcesses(this.#after.config.workerClass)) await this.#renewWorkers();
      if (this.#edgesDiffer() || this.#processes.edges.size === 0) await this.#renewEdges('Edges');
      else this.#resizeEdges();
    }
    return { ...this.#after, news: this.#news, problems: this.#problems };
  }

  async #bind(): Promise<void> {
    const { config } = this.#after;
    try {
      const listeners = await rebindListeners(this.#before.listeners, config.binds, socketAccess(config));
      this.#after = { config, listeners };
    } catch (error) {
      if (!(error instanceof BindError)) throw error;
      this.#log.error(`${error.message} The addresses stay as they were.`);
      this.#problems.push(error.message);
      this.#after = { config: { ...config, binds: this.#before.config.binds }, listeners: this.#before.listeners };
    }
  }

  async #renewWorkers(): Promise<void> {
    const { workers, gracefulTimeoutMs } = this.#after.config;
    const before = this.#before.config;
    const { size } = this.#processes.workers;
    const wanted = workers === before.workers && size > 0 ? size : workers;
    const renewal = await this.#processes.renewWorkers(wanted, this.#after, gracefulTimeoutMs);
    if (this.#succeeded('Application', renewal, wanted, 'worker')) return;
    const { app, workingDirectory, environment } = before;
    this.#after = { ...this.#after, config: { ...this.#after.config, app, workingDirectory, environment } };
  }

  async #renewEdges(name: 'Application' | 'Edges'): Promise<void> {
    const { edges, gracefulTimeoutMs } = this.#after.config;
    const before = this.#before.config;
    const { size } = this.#processes.edges;
    const wanted = edges === before.edges && size > 0 ? size : edges;
    const renewal = await this.#processes.renewEdges(wanted, this.#after, gracefulTimeoutMs);
    const { listeners } = this.#after;
    if (this.#succeeded(name, renewal, wanted, 'edge')) {
      // The edges that leave have their own hold of them until they have accepted what was under way.
      closeOthers(this.#before.listeners, listeners);
      return this.#tellAddresses();
    }
    closeOthers(listeners, this.#before.listeners);
    const old = Object.fromEntries(settingsOfEdges.map((setting) => [setting, before[setting]]));
    const { app, workingDirectory, environment } = name === 'Application' ? before : this.#after.config;
    const config = { ...this.#after.config, ...old, app, workingDirectory, environment };
    this.#after = { config, listeners: this.#before.listeners };
  }

  #edgesDiffer(): boolean {
    const { config: before } = this.#before;
    const { config: after } = this.#after;
    return settingsOfEdges.some((setting) => !isDeepStrictEqual(before[setting], after[setting]));
  }

  #resizeEdges(): void {
    const { edges, gracefulTimeoutMs } = this.#after.config;
    if (edges !== this.#before.config.edges) this.#processes.edges.resize(edges, gracefulTimeoutMs);
  }

  #tellAddresses(): void {
    const { listeners } = this.#after;
    if (isDeepStrictEqual(listeners, this.#before.listeners)) return;
    this.#log.info(`Listening at: ${listeners.map(({ url }) => url).join(',')} (${process.pid})`);
  }

  #succeeded(name: string, renewal: Renewal, count: number, child: string): boolean {
    if (renewal === 'none') return true;
    if (renewal === 'done') {
      const message = `${name} reloaded: ${count} new ${child}${count === 1 ? '' : 's'}`;
      this.#log.info(message);
      this.#news.push(message);
      return true;
    }
    const message = `${name} not reloaded, the old one stays: ${renewal.message}`;
    logFailure(this.#log, { ...renewal, message });
    this.#problems.push(message);
    return false;
  }
}

function closeOthers(listeners: readonly Listener[], kept: readonly Listener[]): void {
  for (const listener of listeners) if (!kept.includes(listener)) listener.close();
}

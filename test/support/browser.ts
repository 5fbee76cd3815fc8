import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { within } from './deadline.ts';

type Message = {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
};

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];

/**
 * Headless Chromium with one page, driven as DevTools do: JSON over two pipes (descriptors 3 and 4 of the browser), each
 * message ended by NUL. What is clicked and typed takes the browser's own way of events, focus and submission.
 */
export class Browser {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #commands: Writable;
  readonly #exited: Promise<unknown>;
  readonly #answers = new Map<number, (message: Message) => void>();
  readonly #listeners = new Set<(message: Message) => void>();
  #session = '';
  #lastId = 0;
  /** Addresses that answered 400 or above, or not at all: what the page asked for without having been told to. */
  readonly failures: string[] = [];

  private constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'browser-'));
    const words = [...flags, `--user-data-dir=${this.#folder}`, '--remote-debugging-pipe', 'about:blank'];
    this.#process = spawn('/usr/bin/chromium-headless-shell', words, {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    this.#exited = once(this.#process, 'exit');
    const [, , , commands, messages] = this.#process.stdio;
    this.#commands = commands as Writable;
    this.#commands.on('error', () => {});
    this.#receive(messages as Readable);
  }

  static async start(): Promise<Browser> {
    const browser = new Browser();
    try {
      const { targetId } = await browser.#send('Target.createTarget', { url: 'about:blank' });
      const { sessionId } = await browser.#send('Target.attachToTarget', { targetId, flatten: true });
      browser.#session = String(sessionId);
      for (const domain of ['Page', 'DOM', 'Runtime', 'Network']) await browser.#send(`${domain}.enable`);
      browser.#noteFailures();
      return browser;
    } catch (error) {
      await browser.stop();
      throw error;
    }
  }

  /** Loads a page, with all that it needs. */
  open(url: string): Promise<void> {
    return this.#loaded(() => this.#send('Page.navigate', { url }));
  }

  /** Clicks an element that leads to another page, which is loaded then. */
  follow(selector: string): Promise<void> {
    return this.#loaded(() => this.#click(selector));
  }

  /** Types into an element, in place of what it has. */
  async type(selector: string, text: string): Promise<void> {
    await this.evaluate(
      `(() => { const it = document.querySelector(${JSON.stringify(selector)}); it.focus(); it.select(); })()`,
    );
    await this.#send('Input.insertText', { text });
  }

  /** Chooses a file for an input. */
  async choose(selector: string, file: string): Promise<void> {
    const { result } = await this.#send('Runtime.evaluate', {
      expression: `document.querySelector(${JSON.stringify(selector)})`,
    });
    const { objectId } = result as { readonly objectId: string };
    await this.#send('DOM.setFileInputFiles', { objectId, files: [file] });
  }

  /** What the page makes of an expression. */
  async evaluate(expression: string): Promise<unknown> {
    const answer = await this.#send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
    if (answer['exceptionDetails'] !== undefined) throw new Error(`${expression}: ${JSON.stringify(answer)}`);
    return (answer['result'] as { readonly value?: unknown }).value;
  }

  /** The text that a reader sees. */
  async text(): Promise<string> {
    return String(await this.evaluate('document.body.innerText'));
  }

  async stop(): Promise<void> {
    // It ends its own processes, which a signal to it would leave behind for a while.
    this.#commands.write(`${JSON.stringify({ id: 0, method: 'Browser.close' })}\0`);
    await within(30_000, this.#exited, () => 'the browser remains');
    for (const stream of this.#process.stdio) stream?.destroy();
    // Its own processes may still write there for a moment.
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 20 });
  }

  /** By its place on the screen: an element that nobody can see or reach is not clicked. */
  async #click(selector: string): Promise<void> {
    const place = await this.evaluate(`(() => {
      const it = document.querySelector(${JSON.stringify(selector)});
      it.scrollIntoView({ block: 'center' });
      const { x, y, width, height } = it.getBoundingClientRect();
      return { x: x + width / 2, y: y + height / 2 };
    })()`);
    for (const type of ['mousePressed', 'mouseReleased']) {
      await this.#send('Input.dispatchMouseEvent', { type, ...(place as object), button: 'left', clickCount: 1 });
    }
  }

  async #loaded(act: () => Promise<unknown>): Promise<void> {
    const loaded = new Promise<void>((resolve) => {
      const listen = ({ method }: Message): void => {
        if (method !== 'Page.loadEventFired') return;
        this.#listeners.delete(listen);
        resolve();
      };
      this.#listeners.add(listen);
    });
    await act();
    await within(30_000, loaded, () => 'no page was loaded');
  }

  #noteFailures(): void {
    const requested = new Map<unknown, string>();
    this.#listeners.add(({ method, params = {} }) => {
      const id = params['requestId'];
      if (method === 'Network.requestWillBeSent') {
        requested.set(id, (params['request'] as { readonly url: string }).url);
      } else if (method === 'Network.responseReceived') {
        const { url, status } = params['response'] as { readonly url: string; readonly status: number };
        if (status >= 400) this.failures.push(`${status} ${url}`);
      } else if (method === 'Network.loadingFailed') {
        this.failures.push(`${params['errorText']} ${requested.get(id)}`);
      }
    });
  }

  #send(method: string, params: object = {}): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.#lastId;
    const session = this.#session === '' ? {} : { sessionId: this.#session };
    const answered = new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
      this.#answers.set(id, ({ error, result = {} }) => {
        if (error === undefined) resolve(result);
        else reject(new Error(`${method}: ${error.message}`));
      });
    });
    this.#commands.write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    return within(30_000, answered, () => `the browser does not answer ${method}`);
  }

  #receive(messages: Readable): void {
    let rest = '';
    messages.setEncoding('utf8').on('data', (text: string) => {
      const whole = (rest + text).split('\0');
      rest = whole.pop() ?? '';
      for (const json of whole) {
        const message = JSON.parse(json) as Message;
        if (message.id === undefined) for (const listen of this.#listeners) listen(message);
        else this.#answers.get(message.id)?.(message);
      }
    });
  }
}

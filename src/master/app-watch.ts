import type { Log } from '../telemetry/error-log.ts';
import { FileWatch } from './file-watch.ts';
import { OneAtATime } from './one-at-a-time.ts';

/** More than any application has that a person is at work on; each is looked at twice a second. */
const maxFiles = 5_000;

/** `--reload`: looks at what workers say that they have loaded, and at the files that the operator names. */
export class AppWatch {
  readonly #log: Log;
  readonly #files: Set<string>;
  readonly #watch: FileWatch;
  readonly #following = new OneAtATime(() => this.#watch.follow([...this.#files]));

  /** `changed` is called after each change. */
  constructor(extraFiles: readonly string[], log: Log, changed: () => void) {
    this.#log = log;
    this.#files = new Set(extraFiles);
    this.#watch = new FileWatch((files) => {
      log.info(`Application file changed: ${files.join(', ')}`);
      changed();
    });
    this.#following.release();
    this.#following.request();
  }

  /** Of one worker. What any of them has loaded is looked at until the end: a file that was broken may be mended. */
  loaded(files: readonly string[]): void {
    const before = this.#files.size;
    for (const file of files) if (this.#files.size < maxFiles) this.#files.add(file);
    if (this.#files.size === maxFiles && before < maxFiles) {
      this.#log.warning(`--reload looks at ${maxFiles} files; changes of others are not seen.`);
    }
    if (this.#files.size > before) this.#following.request();
  }

  end(): void {
    this.#following.end();
    this.#watch.stop();
  }
}

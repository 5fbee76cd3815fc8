import { stat } from 'node:fs/promises';

/** A change is seen in one look and acted on in the next, if the file is still the same: an editor may be in the middle. */
export const lookMs = 500;

/**
 * Looks at files again and again. A look follows symbolic links and knows the file by what it is, not by its name, so it
 * sees writes in place, editors that put a new file in place of the old one, and ConfigMaps of Kubernetes, where a link
 * further up is swapped. inotify sees none of the last kind, and nothing at all on some network file systems.
 */
export class FileWatch {
  readonly #changed: (files: readonly string[]) => void;
  readonly #milliseconds: number;
  /** What is known to the caller, and what the last look saw. */
  #files = new Map<string, { known: string; seen: string }>();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /** Holds up no exit. `changed` is called with the files that have changed, once for each change of them. */
  constructor(changed: (files: readonly string[]) => void, milliseconds = lookMs) {
    this.#changed = changed;
    this.#milliseconds = milliseconds;
  }

  /**
   * Watches these files and no others. To be called before they are read: what changes after the call is reported. Files
   * that were watched already are compared with what they were then.
   */
  async follow(paths: readonly string[]): Promise<void> {
    const files = new Map<string, { known: string; seen: string }>();
    for (const path of paths) {
      const mark = await markOf(path);
      files.set(path, this.#files.get(path) ?? { known: mark, seen: mark });
    }
    if (this.#isStopped) return;
    this.#files = files;
    if (this.#timer === undefined) this.#lookLater();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #lookLater(): void {
    this.#timer = setTimeout(() => void this.#look(), this.#milliseconds).unref();
  }

  async #look(): Promise<void> {
    const changed: string[] = [];
    let isMoving = false;
    for (const [path, file] of this.#files) {
      const mark = await markOf(path);
      if (mark !== file.seen) isMoving = true;
      else if (mark !== file.known) changed.push(path);
      file.seen = mark;
    }
    if (this.#isStopped) return;
    this.#lookLater();
    if (changed.length === 0 || isMoving) return;
    for (const file of this.#files.values()) file.known = file.seen;
    this.#changed(changed);
  }
}

/** What changes with the file's content, whoever writes it and however. */
async function markOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
  }
}

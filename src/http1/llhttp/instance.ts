import type { LlhttpErrorName } from './error-name.ts';
import { errorName } from './error-name.ts';

/**
 * llhttp, the HTTP/1 parser of Node's own team, in its WebAssembly build. One instance per process, one small struct per
 * connection. Pointers never leave this folder: outside there are offsets into the bytes that were given to `execute`.
 * No lenient flag is ever set.
 */
export interface LlhttpReceiver {
  /** Spans may come in pieces, in order. A non-zero answer stops the parser with the error `USER`. */
  onTarget(start: number, end: number): number;
  onFieldName(start: number, end: number): number;
  onFieldValue(start: number, end: number): number;
  /** `PAUSE` stops behind the head, so that it can be looked at before its content is read. */
  onHeadComplete(method: number, upgrade: boolean): number;
  onContent(start: number, end: number): number;
  onMessageComplete(): number;
}

export const CONTINUE = 0;
export const PAUSE = 21;
export const STOP = 24;

const TYPE_REQUEST = 1;
/** Bytes given to one call of the parser: the size of one read. Larger input goes in slices. */
export const SLICE_BYTES = 65536;

type Exports = {
  readonly memory: WebAssembly.Memory;
  readonly _initialize?: () => void;
  readonly malloc: (bytes: number) => number;
  readonly llhttp_alloc: (type: number) => number;
  readonly llhttp_free: (pointer: number) => void;
  readonly llhttp_execute: (pointer: number, data: number, length: number) => number;
  readonly llhttp_reset: (pointer: number) => void;
  readonly llhttp_resume: (pointer: number) => void;
  readonly llhttp_resume_after_upgrade: (pointer: number) => void;
  readonly llhttp_get_error_pos: (pointer: number) => number;
  readonly llhttp_get_error_reason: (pointer: number) => number;
  readonly llhttp_get_method: (pointer: number) => number;
  readonly llhttp_method_name: (method: number) => number;
};

/** The parser of one connection. `free` it when the connection ends. */
export interface LlhttpParser {
  /**
   * Parses `bytes[start, end)`, at most `SLICE_BYTES`, and tells `receiver`. Answers `OK`, or why it stopped; then
   * `stoppedAt` is the offset of the first byte not consumed.
   */
  execute(bytes: Uint8Array, start: number, end: number, receiver: LlhttpReceiver): LlhttpErrorName;
  readonly stoppedAt: number;
  /** llhttp's own words for the last error. */
  readonly reason: string;
  /** Goes on after `PAUSED`, within a message. */
  resume(): void;
  /** A message is complete: the next one begins as on a new connection. */
  reset(): void;
  /** Goes on after `PAUSED_UPGRADE`, as plain HTTP. */
  resumeAfterUpgrade(): void;
  free(): void;
}

export interface Llhttp {
  createParser(): LlhttpParser;
  methodName(method: number): string;
}

/** `module` is compiled once per process by the caller; see `compile.ts`. */
export function instantiateLlhttp(module: WebAssembly.Module): Llhttp {
  const nobody: LlhttpReceiver = {
    onTarget: () => STOP,
    onFieldName: () => STOP,
    onFieldValue: () => STOP,
    onHeadComplete: () => STOP,
    onContent: () => STOP,
    onMessageComplete: () => STOP,
  };
  let receiver = nobody;
  /** What turns an address in WebAssembly memory into an offset of the bytes being parsed. */
  let shift = 0;

  const env = {
    wasm_on_message_begin: () => CONTINUE,
    wasm_on_status: () => CONTINUE,
    wasm_on_url: (_: number, at: number, length: number) => receiver.onTarget(at + shift, at + shift + length),
    wasm_on_header_field: (_: number, at: number, length: number) =>
      receiver.onFieldName(at + shift, at + shift + length),
    wasm_on_header_value: (_: number, at: number, length: number) =>
      receiver.onFieldValue(at + shift, at + shift + length),
    wasm_on_headers_complete: (pointer: number, _: number, upgrade: number) =>
      receiver.onHeadComplete(exports.llhttp_get_method(pointer), upgrade !== 0),
    wasm_on_body: (_: number, at: number, length: number) => receiver.onContent(at + shift, at + shift + length),
    wasm_on_message_complete: () => receiver.onMessageComplete(),
  };
  const exports = new WebAssembly.Instance(module, { env }).exports as Exports;
  exports._initialize?.();
  const scratch = exports.malloc(SLICE_BYTES);
  let memory = new Uint8Array(exports.memory.buffer);

  /** Growing detaches every view, and only an allocation grows. */
  function allocate(): number {
    const pointer = exports.llhttp_alloc(TYPE_REQUEST);
    if (memory.buffer !== exports.memory.buffer) memory = new Uint8Array(exports.memory.buffer);
    if (pointer === 0) throw new Error('no memory for another parser');
    return pointer;
  }

  function text(address: number): string {
    const bytes = memory;
    let result = '';
    for (let at = address; address !== 0; at++) {
      const byte = bytes[at];
      if (byte === undefined || byte === 0) break;
      result += String.fromCharCode(byte);
    }
    return result;
  }

  class Parser implements LlhttpParser {
    stoppedAt = 0;
    private pointer = allocate();

    execute(bytes: Uint8Array, start: number, end: number, to: LlhttpReceiver): LlhttpErrorName {
      if (end - start > SLICE_BYTES) throw new Error('more than one slice at once');
      if (receiver !== nobody) throw new Error('the parser was entered from its own callback');
      const whole = start === 0 && end === bytes.length;
      memory.set(whole ? bytes : bytes.subarray(start, end), scratch);
      receiver = to;
      shift = start - scratch;
      let code: number;
      try {
        code = exports.llhttp_execute(this.pointer, scratch, end - start);
      } finally {
        receiver = nobody;
      }
      if (code === CONTINUE) return 'OK';
      this.stoppedAt = exports.llhttp_get_error_pos(this.pointer) + shift;
      return errorName(code);
    }

    get reason(): string {
      return text(exports.llhttp_get_error_reason(this.pointer));
    }

    resume(): void {
      exports.llhttp_resume(this.pointer);
    }

    reset(): void {
      exports.llhttp_reset(this.pointer);
    }

    resumeAfterUpgrade(): void {
      exports.llhttp_resume_after_upgrade(this.pointer);
    }

    free(): void {
      if (this.pointer !== 0) exports.llhttp_free(this.pointer);
      this.pointer = 0;
    }
  }

  const methodNames: string[] = [];
  return {
    createParser: () => new Parser(),
    methodName(method) {
      methodNames[method] ??= text(exports.llhttp_method_name(method));
      return methodNames[method] ?? '';
    },
  };
}

import { type Rejection, reject } from '../rejection/rejection.ts';
import type { RuleId } from '../rejection/rules.ts';
import { ChunkedContent, type ChunkLimits } from './chunked-content.ts';
import { type HeadLimits, HeadReader } from './head-reader.ts';
import type { LlhttpErrorName } from './llhttp/error-name.ts';
import {
  CONTINUE,
  type Llhttp,
  type LlhttpParser,
  type LlhttpReceiver,
  PAUSE,
  SLICE_BYTES,
  STOP,
} from './llhttp/instance.ts';
import { contentRule, headRule, isStrangeLine, strangeLineRule } from './parser-rule.ts';
import type { MessageFraming, RequestHead } from './request-head.ts';

/** Bytes of content of one request, chunk sizes believed as soon as they are declared. */
export type ParserLimits = HeadLimits & ChunkLimits & { readonly contentBytes: number };

/** What the parser tells, in this order: a head, pieces of content, the end. `onRejected` is the last of all. */
export interface ParserHandler {
  /** Valid while this runs. */
  onRequestHead(head: RequestHead): void;
  /** Transfer coding removed. A view of the bytes given to `receive`. */
  onContent(bytes: Uint8Array): void;
  /** The message is complete; what came behind it waits for `resume`. */
  onEndOfMessage(): void;
  onRejected(rejection: Rejection): void;
}

/** What all parsers of a process share. */
export type ParserContext = { readonly llhttp: Llhttp; readonly spareReaders: HeadReader[] };

export function createParserContext(llhttp: Llhttp): ParserContext {
  return { llhttp, spareReaders: [] };
}

/**
 * `complete`: a message has ended and nothing more is parsed until `resume`. `strange-line`: llhttp knows no such method
 * or version; the whole line decides which status that is. `refused` is for good.
 */
type Phase = 'between' | 'empty-line' | 'head' | 'strange-line' | 'content' | 'complete' | 'refused';

const CR = 0x0d;
const LF = 0x0a;
const SP = 0x20;
const LAST_VISIBLE = 0x7e;
const SPARE_READERS = 64;
const nothing = new Uint8Array(0);

/**
 * Turns bytes into requests; owns no socket, timer or log. Whatever the cuts between reads, the same bytes give the same
 * events (adjacent content joined). After `onRejected` every further call does nothing.
 * Source: RFC 9112 sections 2.2, 3, 5, 6, 7.
 */
export class RequestParser implements LlhttpReceiver {
  /**
   * May be replaced between two requests, and while `onRequestHead` runs: what it says of content and trailers then holds for
   * this message.
   */
  limits: ParserLimits;
  /** Is told a copy of the bytes behind each head as they came, transfer coding included, up to the fault where there is one. */
  onRawContent: ((bytes: Uint8Array) => void) | null = null;
  private readonly context: ParserContext;
  private readonly handler: ParserHandler;
  private readonly parser: LlhttpParser;
  private phase: Phase = 'between';
  private reader: HeadReader | undefined;
  private emptyLines = 0;
  private strangeLine = '';
  /** Where a line is refused that no reader has: what stands behind `strangeLine` in this read. */
  private behindLine: Uint8Array = nothing;
  private running = false;
  private waiting: Uint8Array = nothing;
  /** The bytes being parsed are our own copy. */
  private ownBytes = false;
  /** Of the message being received. */
  private framing: MessageFraming = 'none';
  private contentLength = 0;
  private contentReceived = 0;
  private chunked: ChunkedContent | undefined;
  /** Of one call of llhttp: what stopped it, how far it came, and the content it found, pushed together. */
  private rejection: Rejection | undefined;
  private headDone = false;
  private messageDone = false;
  private bytes: Uint8Array = nothing;
  private framedUpTo = 0;
  private contentStart = 0;
  private contentEnd = 0;

  constructor(context: ParserContext, limits: ParserLimits, handler: ParserHandler) {
    this.context = context;
    this.limits = limits;
    this.handler = handler;
    this.parser = context.llhttp.createParser();
  }

  /** `bytes` are read before this returns, and may be overwritten by it; the caller may reuse them. */
  receive(bytes: Uint8Array): void {
    if (this.phase === 'refused') return;
    if (this.phase !== 'complete') this.run(bytes);
    else this.waiting = joined(this.waiting, bytes);
  }

  /** Bytes that wait for `resume`. */
  get waitingBytes(): number {
    return this.waiting.length;
  }

  /** Bytes that are kept, for `resume` or because a head is not complete. */
  get heldBytes(): number {
    return this.waiting.length + (this.reader?.heldBytes ?? 0);
  }

  /** Nothing of a request has arrived yet. */
  get isBetweenRequests(): boolean {
    return this.phase === 'between';
  }

  /**
   * The message as far as it is at hand, from its first byte: until its head was told, and while it is told or refused. May go
   * on behind the head, to the end of the read; undefined where nothing is kept. A view, valid until the parser is called.
   */
  get headSoFar(): Uint8Array | undefined {
    if (this.phase !== 'strange-line' && this.behindLine.length === 0) return this.reader?.receivedSoFar();
    const line = Uint8Array.from(this.strangeLine, (character) => character.charCodeAt(0));
    return joined(line, this.behindLine);
  }

  /** The response is written: goes on to the next request. Not to be called from a handler. */
  resume(): void {
    if (this.running) throw new Error('resume from within a handler');
    if (this.phase !== 'complete') return;
    // Nothing of one message may decide about the next: a trailer that says `Proxy-Connection: close` would.
    this.parser.reset();
    this.phase = 'between';
    this.emptyLines = 0;
    const bytes = this.waiting;
    this.waiting = nothing;
    if (bytes.length === 0) return;
    this.ownBytes = true;
    this.run(bytes);
    this.ownBytes = false;
  }

  /** The peer ended its side: an unfinished message is refused (RFC 9112 section 8). */
  receiveEnd(): void {
    switch (this.phase) {
      case 'empty-line':
      case 'strange-line':
        return this.refuseCutShort('request-line.malformed', 'the connection ended inside it');
      case 'head': {
        const inLine = this.reader === undefined || this.reader.head.fieldCount === 0;
        const rule = inLine ? 'request-line.malformed' : 'field.malformed';
        return this.refuseCutShort(rule, 'the connection ended inside the head');
      }
      case 'content': {
        const rule = this.framing === 'chunked' ? 'framing.chunk' : 'framing.content-length';
        return this.refuseCutShort(rule, 'the connection ended inside the content');
      }
      default:
        return;
    }
  }

  /** Nothing more is parsed: the caller has refused the request itself, or closes. */
  stop(): void {
    this.phase = 'refused';
    this.waiting = nothing;
    this.giveBackReader();
  }

  /** Ends the parser's life. */
  free(): void {
    this.stop();
    this.parser.free();
  }

  private run(bytes: Uint8Array): void {
    this.running = true;
    let at = 0;
    try {
      while (at < bytes.length && this.phase !== 'complete' && this.phase !== 'refused') {
        if (this.phase === 'head' || this.phase === 'content') at = this.execute(bytes, at);
        else if (this.phase === 'strange-line') at = this.finishLine(bytes, at);
        else at = this.beforeRequestLine(bytes, at);
      }
    } finally {
      this.running = false;
    }
  }

  /** RFC 9112 section 2.2 lets a server ignore one empty line before a request line. We ignore one and no more. */
  private beforeRequestLine(bytes: Uint8Array, at: number): number {
    const byte = bytes[at];
    if (this.phase === 'empty-line' && byte === LF) {
      this.phase = 'between';
      this.emptyLines += 1;
    } else if (this.phase === 'between' && byte === CR && this.emptyLines === 0) {
      this.phase = 'empty-line';
    } else if (this.phase === 'empty-line' || byte === CR || byte === LF) {
      this.strangeLine = '\r\n'.repeat(this.emptyLines) + (this.phase === 'empty-line' ? '\r' : '');
      this.behindLine = bytes.subarray(at);
      this.refuse(reject('request-line.malformed', 'an empty line'));
    } else {
      this.phase = 'head';
      this.headDone = false;
      this.reader = this.context.spareReaders.pop() ?? new HeadReader();
      this.reader.begin(this.limits, bytes, at);
      return at;
    }
    return at + 1;
  }

  private execute(bytes: Uint8Array, start: number): number {
    const end = Math.min(bytes.length, start + SLICE_BYTES);
    if (this.phase === 'head') this.reader?.goOn(bytes, start, end);
    this.rejection = undefined;
    this.messageDone = false;
    this.bytes = bytes;
    this.framedUpTo = start;
    this.contentStart = start;
    this.contentEnd = start;
    // Pieces of content are pushed together while they are read.
    const raw = this.onRawContent === null || this.phase === 'head' ? null : new Uint8Array(bytes.subarray(start, end));
    let result = this.parser.execute(bytes, start, end, this);
    if (result === 'PAUSED_UPGRADE') {
      this.parser.resumeAfterUpgrade();
      result = this.parser.execute(bytes, this.parser.stoppedAt, end, this);
    }
    const stopped = result === 'OK' ? end : this.parser.stoppedAt;
    if (raw !== null) this.onRawContent?.(this.messageDone ? raw.subarray(0, stopped - start) : raw);
    if (this.phase === 'head') this.afterHead(bytes, result, stopped);
    else this.afterContent(bytes, result, stopped);
    return stopped;
  }

  private afterHead(bytes: Uint8Array, result: LlhttpErrorName, stopped: number): void {
    const { reader } = this;
    if (reader === undefined) throw new Error('no head is being read');
    if (!this.headDone) {
      if (result === 'OK') return this.refuseIf(reader.endOfRead(bytes, stopped));
      const fault = this.rejection ?? reader.faultBefore(stopped);
      if (fault === undefined && isStrangeLine(result, this.parser.reason)) {
        this.strangeLine = '';
        this.finishLine(reader.receivedUpTo(stopped), 0);
        if (!this.stopped) this.phase = 'strange-line';
        return;
      }
      return this.refuse(fault ?? headRule(result, this.parser.reason, reader.isInRequestLine(stopped)));
    }
    if (this.rejection !== undefined) return this.refuse(this.rejection);
    if (result !== 'PAUSED') return this.refuse(headRule(result, this.parser.reason, false));
    if (this.messageDone) {
      this.phase = 'complete';
      this.keepWaiting(bytes, stopped);
    } else {
      this.parser.resume();
      this.phase = 'content';
    }
    this.handler.onRequestHead(reader.head);
    if (this.framing === 'chunked') this.chunked = new ChunkedContent(this.limits, this.limits.contentBytes);
    const { hasUnknownCoding } = reader.head;
    this.giveBackReader();
    if (this.messageDone) this.endMessage();
    else if (hasUnknownCoding)
      this.refuse(reject('framing.transfer-coding', 'a transfer coding that is not known here'));
  }

  private afterContent(bytes: Uint8Array, result: LlhttpErrorName, stopped: number): void {
    if (this.rejection === undefined && this.framing === 'chunked') {
      this.rejection = this.chunked?.receiveFraming(bytes, this.framedUpTo, stopped);
    }
    if (this.rejection === undefined && this.messageDone) this.rejection = this.checkContentEnd();
    if (this.contentEnd > this.contentStart) {
      this.handler.onContent(bytes.subarray(this.contentStart, this.contentEnd));
      if (this.stopped) return;
    }
    if (this.rejection !== undefined) return this.refuse(this.rejection);
    if (this.messageDone) {
      this.phase = 'complete';
      this.keepWaiting(bytes, stopped);
      this.endMessage();
    } else if (result !== 'OK') {
      this.refuse(contentRule(result, this.chunked?.inTrailers === true));
    }
  }

  private checkContentEnd(): Rejection | undefined {
    if (this.framing === 'chunked') return this.chunked?.receiveEnd();
    if (this.contentReceived === this.contentLength) return undefined;
    return reject('framing.content-length', 'the content ends elsewhere');
  }

  private get stopped(): boolean {
    return this.phase === 'refused';
  }

  private keepWaiting(bytes: Uint8Array, from: number): void {
    if (from < bytes.length)
      this.waiting = this.ownBytes ? bytes.subarray(from) : joined(nothing, bytes.subarray(from));
  }

  private endMessage(): void {
    if (this.phase === 'complete') this.handler.onEndOfMessage();
  }

  /**
   * llhttp stopped inside the request line. A line that is well-formed all the same, to its CRLF, has a method or a
   * version that is not ours (501, 505); any other is malformed.
   */
  private finishLine(bytes: Uint8Array, start: number): number {
    for (let at = start; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      const afterCr = this.strangeLine.endsWith('\r');
      if (afterCr || (byte !== CR && (byte < SP || byte > LAST_VISIBLE))) {
        if (this.phase === 'strange-line') this.behindLine = bytes.subarray(at);
        this.refuse(strangeLineRule(this.strangeLine + String.fromCharCode(byte)));
        return bytes.length;
      }
      if (byte !== CR && this.strangeLine.length === this.limits.lineBytes) {
        if (this.phase === 'strange-line') this.behindLine = bytes.subarray(at);
        this.refuse(reject('request-line.too-long', `more than ${this.limits.lineBytes} bytes`));
        return bytes.length;
      }
      this.strangeLine += String.fromCharCode(byte);
    }
    return bytes.length;
  }

  private refuseIf(rejection: Rejection | undefined): void {
    if (rejection !== undefined) this.refuse(rejection);
  }

  private refuse(rejection: Rejection): void {
    if (this.phase === 'refused') return;
    this.phase = 'refused';
    this.waiting = nothing;
    this.handler.onRejected(rejection);
    this.behindLine = nothing;
    this.giveBackReader();
  }

  private refuseCutShort(rule: RuleId, detail: string): void {
    this.refuse({ ...reject(rule, detail), isCutShort: true });
  }

  private giveBackReader(): void {
    if (this.reader === undefined) return;
    this.reader.release();
    if (this.context.spareReaders.length < SPARE_READERS) this.context.spareReaders.push(this.reader);
    this.reader = undefined;
  }

  // What llhttp tells while it executes. Nothing of this leaves before it has returned.

  onTarget(start: number, end: number): number {
    this.reader?.target(start, end);
    return CONTINUE;
  }

  /** Names and values behind the head belong to a trailer section: `ChunkedContent` reads them as raw bytes. */
  onFieldName(start: number, end: number): number {
    if (this.phase !== 'head') return CONTINUE;
    this.rejection = this.reader?.fieldName(start, end);
    return this.rejection === undefined ? CONTINUE : STOP;
  }

  onFieldValue(start: number, end: number): number {
    if (this.phase === 'head') this.reader?.fieldValue(start, end);
    return CONTINUE;
  }

  onHeadComplete(method: number, upgrade: boolean): number {
    const { reader, context } = this;
    if (reader === undefined) return STOP;
    this.headDone = true;
    this.rejection = reader.complete(context.llhttp.methodName(method), upgrade);
    if (this.rejection !== undefined) return STOP;
    const { framing, contentLength, hasUnknownCoding } = reader.head;
    this.framing = framing;
    this.contentLength = contentLength;
    this.contentReceived = 0;
    this.chunked = undefined;
    return framing === 'none' && !hasUnknownCoding ? CONTINUE : PAUSE;
  }

  /** Pieces are pushed together, so that many small chunks are one piece of content for those behind. */
  onContent(start: number, end: number): number {
    if (this.chunked !== undefined) {
      this.rejection =
        this.chunked.receiveFraming(this.bytes, this.framedUpTo, start) ?? this.chunked.receiveContent(end - start);
      if (this.rejection !== undefined) return STOP;
    }
    this.contentReceived += end - start;
    this.framedUpTo = end;
    if (this.contentEnd === this.contentStart) this.contentStart = this.contentEnd = start;
    else if (this.contentEnd !== start) this.bytes.copyWithin(this.contentEnd, start, end);
    this.contentEnd += end - start;
    return CONTINUE;
  }

  onMessageComplete(): number {
    this.messageDone = true;
    return PAUSE;
  }
}

/** A copy. (`slice` of a Buffer is none, and reads are Buffers.) */
function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

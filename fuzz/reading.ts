import { compileLlhttp } from '../src/http1/llhttp/compile.ts';
import { instantiateLlhttp } from '../src/http1/llhttp/instance.ts';
import type { RequestHead } from '../src/http1/request-head.ts';
import { createParserContext, type ParserLimits, RequestParser } from '../src/http1/request-parser.ts';
import { checks, formChecks, Inspection, type InspectPolicy, inspect, inspectForm } from '../src/inspect/inspect.ts';
import type { Rejection } from '../src/rejection/rejection.ts';
import { type RuleId, rules } from '../src/rejection/rules.ts';

/** One request as a reader understood it. Texts are latin1: one character a byte. */
export type Message = {
  readonly method: string;
  readonly target: string;
  readonly minorVersion: number;
  /** Names in lower case, in order of arrival. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly content: string;
};

/**
 * What a reader made of all bytes of one connection. `messages` are complete. `refused`: an error ended it. `closed`: the
 * last message was the last that it wanted. `between` and `within`: it waits, before a message or inside one.
 */
export type Reading = {
  readonly messages: readonly Message[];
  readonly end: 'refused' | 'closed' | 'between' | 'within';
};

export type ReadOptions = {
  readonly limits: ParserLimits;
  readonly policy: InspectPolicy;
  /** The peer ends its side behind the bytes. */
  readonly peerEnds: boolean;
  /** Sees each head that the checks let through, while it is valid. */
  readonly onAccepted?: (head: RequestHead, inspection: Inspection) => void;
};

/** Our reading. `rejections` are all of them: a refused request whose rule lets its connection live on is one too. */
export type OwnReading = Reading & {
  readonly rejections: readonly RuleId[];
  /** Of the complete messages, how many were refused. */
  readonly refusedMessages: number;
  /** The most bytes that were taken in a row without anything being told. */
  readonly longestSilence: number;
  /** Of each complete message, how many bytes lie before the next one; of a single piece only. */
  readonly messageEnds: readonly number[];
  /** A refusal that costs only its request hid this fault, which ends the connection. */
  readonly hiddenFault: RuleId | undefined;
  /** How often something was told, and of how many bytes of content. */
  readonly told: number;
  readonly contentBytes: number;
};

const llhttp = instantiateLlhttp(compileLlhttp());
const context = createParserContext(llhttp);
/** By llhttp's number, which no version changes. */
export const methodName = llhttp.methodName;
const inspection = new Inspection();

/** Reads bytes as a connection does: parser and checks, each message answered at once. `pieces` are the reads. */
export function readRequests(pieces: readonly Uint8Array[], options: ReadOptions): OwnReading {
  const messages: Message[] = [];
  const rejections: RuleId[] = [];
  let open: { -readonly [Key in keyof Message]: Message[Key] } | undefined;
  let keepAlive = true;
  let isComplete = false;
  let refused = false;
  let silence = 0;
  let longestSilence = 0;
  let told = 0;
  let contentBytes = 0;
  let received = 0;
  let isRefused = false;
  let refusedMessages = 0;
  let hiddenFault: RuleId | undefined;
  const messageEnds: number[] = [];

  function tell(): void {
    if (refused) throw new Error('told something behind a rejection');
    told += 1;
    silence = 0;
  }

  const parser = new RequestParser(context, options.limits, {
    onRequestHead(head) {
      tell();
      if (open !== undefined) throw new Error('a head inside a message');
      open = messageOf(head);
      keepAlive = head.keepAlive;
      isRefused = false;
      const rejection = inspectForm(head, inspection) ?? inspect(head, options.policy, inspection);
      if (rejection === undefined) options.onAccepted?.(head, inspection);
      else {
        hiddenFault ??= faultBehind(rejection, head, options.policy);
        refuse(rejection);
      }
    },
    onContent(bytes) {
      tell();
      if (open === undefined) throw new Error('content outside a message');
      contentBytes += bytes.length;
      open.content += latin1(bytes);
    },
    onEndOfMessage() {
      tell();
      if (open === undefined) throw new Error('the end of no message');
      messages.push(open);
      open = undefined;
      isComplete = true;
      if (isRefused) refusedMessages += 1;
      messageEnds.push(received - parser.waitingBytes);
    },
    onRejected(rejection) {
      tell();
      refuse(rejection);
      refused = true;
    },
  });

  function refuse({ rule }: Rejection): void {
    rejections.push(rule);
    isRefused = true;
    if (rules[rule].ends === 'request') return;
    parser.stop();
    refused = true;
  }

  for (const piece of pieces) {
    if (refused || (isComplete && !keepAlive)) break;
    // As a listener reads: into one buffer that is overwritten by the next read.
    const read = new Uint8Array(piece);
    received += piece.length;
    parser.receive(read);
    read.fill(0x58);
    silence += piece.length;
    longestSilence = Math.max(longestSilence, silence - parser.waitingBytes);
    while (isComplete && keepAlive && !refused) {
      isComplete = false;
      silence = 0;
      parser.resume();
    }
  }
  const isClosed = isComplete && !keepAlive;
  if (options.peerEnds && !refused && !isClosed) parser.receiveEnd();
  const isBetween = open === undefined && parser.isBetweenRequests;
  parser.free();
  const end = refused ? 'refused' : isClosed ? 'closed' : isBetween ? 'between' : 'within';
  return { messages, end, rejections, refusedMessages, messageEnds, hiddenFault, longestSilence, told, contentBytes };
}

/** Another check's objection that would have ended the connection. */
function faultBehind({ rule }: Rejection, head: RequestHead, policy: InspectPolicy): RuleId | undefined {
  if (rules[rule].ends === 'connection') return undefined;
  const ofForm = formChecks.map((check) => check(head, inspection)?.rule);
  const others = [...ofForm, ...checks.map((check) => check(head, policy, inspection)?.rule)];
  return others.find((other) => other !== undefined && rules[other].ends === 'connection');
}

/** A head is valid while its handler runs: this copies it. */
export function messageOf(head: RequestHead): Message {
  const fields: [string, string][] = [];
  for (let i = 0; i < head.fieldCount; i++) {
    const name = head.latin1(head.nameStart(i), head.nameEnd(i)).toLowerCase();
    fields.push([name, head.latin1(head.valueStart(i), head.valueEnd(i))]);
  }
  const { method, minorVersion } = head;
  const target = head.latin1(head.targetStart, head.targetEnd);
  return { method, target, minorVersion, fields, content: '' };
}

/** The bytes as text; most are few. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** The same messages in the plainest form that they can be sent in. */
export function serialize(messages: readonly Message[]): Uint8Array {
  const texts = messages.map(({ method, target, minorVersion, fields, content }) => {
    const isChunked = fields.some(([name]) => name === 'transfer-encoding');
    const lines = fields.map(([name, value]) => `${name}:${value}\r\n`).join('');
    const chunk = content === '' ? '' : `${content.length.toString(16)}\r\n${content}\r\n`;
    const framed = isChunked ? `${chunk}0\r\n\r\n` : content;
    return `${method} ${target} HTTP/1.${minorVersion}\r\n${lines}\r\n${framed}`;
  });
  return Buffer.from(texts.join(''), 'latin1');
}

import { fieldId, fieldSet } from '../http1/known-field.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { AddressSet } from './address-set.ts';
import { type ClientAddress, parseAddress } from './client-address.ts';

/**
 * Whom a trusted proxy speaks for: what X-Forwarded-For and X-Forwarded-Proto, or RFC 7239's Forwarded, say of a request.
 *
 * A proxy appends what it knows to what it was sent, so only the right end of a field is a proxy's word, and everything
 * further left may be a client's invention. So all reading goes from the right and stops with the last entry that counts:
 * no byte to the left of it can change what is read, neither an entry that is none nor a quote that nobody closes.
 */
export type ForwardedFamily = 'x-forwarded' | 'forwarded';

/** Whose word counts, and how much of it. Source: policy, `/clients`. */
export type TrustedProxies = {
  readonly addresses: AddressSet;
  /** Proxies that a request may have passed: so many entries count at most. */
  readonly hops: number;
  /** What those proxies write. They pass the other family on as the client sent it. */
  readonly fields: ForwardedFamily;
};

/** Where requests come from. */
export type Endpoint = {
  readonly address: ClientAddress;
  /** In decimal; empty where it is not known. */
  readonly port: string;
};

export type Scheme = 'http' | 'https';

export type Forwarded = {
  /** Null: the fields name nobody, and the proxy itself is the client. */
  readonly client: Endpoint | null;
  /** Null: they do not say by which scheme the request came. */
  readonly scheme: Scheme | null;
  /** The entry of the nearest proxy is none: that proxy is not the one that the policy describes. */
  readonly isMalformed: boolean;
};

/** Fields of a family, as sets of `fieldId`s: those that reach an application from a trusted proxy. */
export const forwardingFields: Readonly<Record<ForwardedFamily, number>> = {
  'x-forwarded': fieldSet('x-forwarded-', 'x-real-ip', 'x-client-ip'),
  forwarded: fieldSet('forwarded'),
};

/** Fields by which somebody may say of a request whose it is. */
export const allForwardingFields = forwardingFields['x-forwarded'] | forwardingFields.forwarded;

const forwardedField = fieldId('forwarded');
const forwardedPrefix = fieldId('x-forwarded-');

/** What a head says that a trusted proxy has sent. */
export function readForwarded(head: RequestHead, proxies: TrustedProxies): Forwarded {
  if (proxies.fields === 'forwarded') return walk(forwardedEntries(head), proxies);
  const forwarded = walk(forwardedForEntries(head), proxies);
  return { ...forwarded, scheme: forwardedProto(head) };
}

/** `hidden`: whoever it was does not want to be known (RFC 7239 section 6.3), or was not known. */
type Node = Endpoint | 'hidden' | 'malformed';
type Entry = { readonly node: Node; readonly scheme: Scheme | null };

/** From the nearest entry outwards, for as long as each is itself a trusted proxy's. */
function walk(entries: Iterable<Entry>, { addresses, hops }: TrustedProxies): Forwarded {
  let client: Endpoint | null = null;
  let scheme: Scheme | null = null;
  let used = 0;
  for (const entry of entries) {
    const { node } = entry;
    if (node === 'hidden' || node === 'malformed') {
      if (used > 0) break;
      return { client: null, scheme: entry.scheme, isMalformed: node === 'malformed' };
    }
    client = node;
    scheme = entry.scheme;
    used += 1;
    if (used === hops || !addresses.has(node.address)) break;
  }
  return { client, scheme, isMalformed: false };
}

function* forwardedForEntries(head: RequestHead): Generator<Entry> {
  for (const value of linesFromRight(head, 'x-forwarded-for')) {
    for (const text of elementsFromRight(value, commaBefore)) yield { node: nodeOf(text), scheme: null };
  }
}

/** The nearest proxy's word alone. The list, where it is one, need not be as long as the one of addresses. */
function forwardedProto(head: RequestHead): Scheme | null {
  for (const value of linesFromRight(head, 'x-forwarded-proto')) {
    for (const text of elementsFromRight(value, commaBefore)) return schemeOf(text);
  }
  return null;
}

function* forwardedEntries(head: RequestHead): Generator<Entry> {
  for (const value of linesFromRight(head, 'forwarded')) {
    for (const text of elementsFromRight(value, unquotedCommaBefore)) yield entryOf(text);
  }
}

/** Values of all field lines with this name, the last one first. */
function* linesFromRight(head: RequestHead, name: string): Generator<string> {
  const id = name === 'forwarded' ? forwardedField : forwardedPrefix;
  if (!head.has(id)) return;
  for (let index = head.fieldCount - 1; index >= 0; index--) {
    if (head.id(index) !== id) continue;
    // The id of all that begin with X-Forwarded- is one.
    if (head.latin1(head.nameStart(index), head.nameEnd(index)).toLowerCase() !== name) continue;
    yield head.latin1(head.valueStart(index), head.valueEnd(index));
  }
}

/** Elements of a list without the white space around them; empty ones do not count (RFC 9110 section 5.6.1.2). */
function* elementsFromRight(value: string, before: (text: string, end: number) => number): Generator<string> {
  for (let end = value.length; end >= 0; ) {
    const comma = before(value, end);
    const element = withoutSpaceAround(value, comma + 1, end);
    if (element !== '') yield element;
    end = comma;
  }
}

/** Position of the last comma before `end`, or -1. */
function commaBefore(text: string, end: number): number {
  return end === 0 ? -1 : text.lastIndexOf(',', end - 1);
}

/** The same, but for commas within quotes. A quote that has no other on its left makes one element of all the rest. */
function unquotedCommaBefore(text: string, end: number): number {
  for (let at = end - 1; at >= 0; at--) {
    const character = text[at];
    if (character === ',') return at;
    if (character === '"') at = openingQuote(text, at);
  }
  return -1;
}

function openingQuote(text: string, closing: number): number {
  for (let at = closing - 1; at >= 0; at--) {
    if (text[at] !== '"') continue;
    let backslashes = 0;
    while (text[at - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return at;
    at -= backslashes;
  }
  return -1;
}

/** By hand: a regular expression for white space at the end takes quadratic time. */
function withoutSpaceAround(text: string, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && isSpace(text[from])) from += 1;
  while (to > from && isSpace(text[to - 1])) to -= 1;
  return text.slice(from, to);
}

function isSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

/** RFC 7239 section 4. A colon in a value wants quotes there, and proxies that leave them out mean the same. */
const pair = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~0-9A-Za-z:[\]-]+))(?:;|$)/y;
const malformed: Entry = { node: 'malformed', scheme: null };

function entryOf(element: string): Entry {
  let node: Node = 'hidden';
  let scheme: Scheme | null = null;
  const seen = new Set<string>();
  for (pair.lastIndex = 0; pair.lastIndex < element.length; ) {
    const [, name = '', quoted, plain = ''] = pair.exec(element) ?? [];
    const parameter = name.toLowerCase();
    // A parameter comes once, or nobody could tell which of two is meant.
    if (parameter === '' || seen.has(parameter)) return malformed;
    seen.add(parameter);
    const value = quoted?.replace(/\\(.)/g, '$1') ?? plain;
    if (parameter === 'for') node = nodeOf(value);
    else if (parameter === 'proto') scheme = schemeOf(value);
  }
  return node === 'malformed' ? malformed : { node, scheme };
}

function schemeOf(text: string): Scheme | null {
  return text === 'http' || text === 'https' ? text : null;
}

/** RFC 7239 section 6, and IPv6 without brackets, as X-Forwarded-For has it. */
function nodeOf(text: string): Node {
  if (text.startsWith('[')) {
    const bracket = text.indexOf(']');
    const address = text.slice(1, bracket);
    return address.includes(':') ? endpoint(address, text.slice(bracket + 1)) : 'malformed';
  }
  const colon = text.indexOf(':');
  const isAddressAlone = colon < 0 || text.includes(':', colon + 1);
  const name = isAddressAlone ? text : text.slice(0, colon);
  const port = isAddressAlone ? '' : text.slice(colon);
  if (isHidden(name)) return isPort(port) ? 'hidden' : 'malformed';
  return endpoint(name, port);
}

/** `port` begins with its colon. */
function endpoint(text: string, port: string): Node {
  const address = parseAddress(text);
  if (address === undefined || !isPort(port)) return 'malformed';
  return { address, port: /^:\d/.test(port) ? String(Number(port.slice(1))) : '' };
}

/** A number, or a name that stands for one. */
function isPort(port: string): boolean {
  return port === '' || /^:_[A-Za-z0-9._-]+$/.test(port) || (/^:\d{1,5}$/.test(port) && Number(port.slice(1)) < 65536);
}

function isHidden(name: string): boolean {
  return name === 'unknown' || /^_[A-Za-z0-9._-]+$/.test(name);
}

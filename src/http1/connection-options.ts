import { fieldId } from './known-field.ts';
import type { RequestHead } from './request-head.ts';

/**
 * What the Connection field says (RFC 9110 section 7.6.1): whether the client wants to go on, and which fields are meant
 * for this hop only. `keep-alive` alone, the common case, makes no string.
 */
const connectionField = fieldId('connection');
const keepAliveBytes = Uint8Array.from('keep-alive', (c) => c.charCodeAt(0));

/** HTTP/1.1 goes on unless `close` is said, HTTP/1.0 only where `keep-alive` is and `close` is not. */
export function wantsKeepAlive(head: RequestHead): boolean {
  if (!head.has(connectionField)) return head.minorVersion === 1;
  if (isPlainKeepAlive(head)) return true;
  const options = connectionOptions(head);
  if (options.includes('close')) return false;
  return head.minorVersion === 1 || options.includes('keep-alive');
}

/** Lower-case names of the fields that Connection nominates, `close` and `keep-alive` left out. */
export function nominatedFields(head: RequestHead): readonly string[] {
  if (!head.has(connectionField) || isPlainKeepAlive(head)) return none;
  return connectionOptions(head).filter((option) => option !== 'close' && option !== 'keep-alive');
}

const none: readonly string[] = [];

function isPlainKeepAlive(head: RequestHead): boolean {
  if (head.isRepeated(connectionField)) return false;
  const index = head.find(connectionField);
  const start = head.base + head.valueStart(index);
  if (head.valueEnd(index) - head.valueStart(index) !== keepAliveBytes.length) return false;
  for (let at = 0; at < keepAliveBytes.length; at++) {
    if (((head.bytes[start + at] ?? 0) | 0x20) !== keepAliveBytes[at]) return false;
  }
  return true;
}

function connectionOptions(head: RequestHead): string[] {
  return head
    .values(connectionField)
    .join(',')
    .split(',')
    .map((option) => option.replace(/^[ \t]+|[ \t]+$/g, '').toLowerCase())
    .filter((option) => option !== '');
}

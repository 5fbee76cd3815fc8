import { refusalResponse } from '../http1/response-writer.ts';
import type { Rejection } from '../rejection/rejection.ts';

/** Seconds after which a refusal for want of room may be tried again (RFC 9110 section 10.2.3). */
const RETRY_AFTER = 'Retry-After: 1\r\n';

/** The response to a refused request, with the fields that its status asks for. `methods` are those of its route. */
export function refusal(
  rejection: Rejection,
  methods: readonly string[],
  dateLine: Uint8Array,
  keepAlive: boolean,
  isHead: boolean,
): Buffer {
  const status = rejection.status ?? 400;
  const fields = rejection.fields ?? fieldsOf(status, methods);
  return refusalResponse(status, rejection.rule, { keepAlive, isHead, fields }, dateLine);
}

function fieldsOf(status: number, methods: readonly string[]): string {
  if (status === 405) return `Allow: ${methods.join(', ')}\r\n`;
  return status === 503 ? RETRY_AFTER : '';
}

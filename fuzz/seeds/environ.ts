import { withControl } from '../control.ts';
import type { Seed } from './cases.ts';
import { seeds as requests } from './request-parser.ts';

const request = 'GET /a/b%20c?d=e HTTP/1.1\r\nHost: a\r\n';
const fields = ['X-A: b\r\nX-A: c\r\n', 'Cookie: a=b\r\nCookie: c\r\n', 'Connection: X-A\r\nX-A: b\r\n', 'X_A: b\r\n'];

/** Those of the request parser, and some that are all about fields. */
export function seeds(): Seed[] {
  const more = fields.map((lines) => withControl(Buffer.from(`${request}${lines}\r\n`)));
  return [...requests(), ...more.map((bytes, index) => ({ name: `fields-${index}`, bytes }))];
}

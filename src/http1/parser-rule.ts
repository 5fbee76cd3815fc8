import { type Rejection, reject } from '../rejection/rejection.ts';
import type { LlhttpErrorName } from './llhttp/error-name.ts';

/**
 * What llhttp refuses, as our rules. It stops at the first byte that does not fit, so the rule depends on the bytes up
 * to there and on nothing behind them. `inRequestLine`: no line has ended before that byte.
 */
export function headRule(error: LlhttpErrorName, reason: string, inRequestLine: boolean): Rejection {
  switch (error) {
    case 'INVALID_CONSTANT':
      return reject('request-line.malformed', 'not method SP target SP version');
    case 'INVALID_URL':
      return reject('target.malformed', 'a byte that a target may not hold');
    case 'PAUSED_H2_UPGRADE':
      return reject('version.unsupported', 'HTTP/2 without TLS');
    case 'INVALID_CONTENT_LENGTH':
    case 'UNEXPECTED_CONTENT_LENGTH':
    case 'INVALID_TRANSFER_ENCODING':
      return framingRule(error, reason);
    default:
      if (inRequestLine) return reject('request-line.malformed', 'no CRLF at its end');
      return reject('field.malformed', 'not a field line that ends with CRLF');
  }
}

function framingRule(error: LlhttpErrorName, reason: string): Rejection {
  if (reason.includes('present with')) return reject('framing.conflict', 'Content-Length and Transfer-Encoding');
  if (error === 'INVALID_TRANSFER_ENCODING') return reject('framing.conflict', 'chunked is not the last coding');
  if (error === 'UNEXPECTED_CONTENT_LENGTH') return reject('framing.content-length', 'more than one Content-Length');
  return reject('framing.content-length', 'not a number of bytes');
}

/** `inTrailers`: the last chunk has come before. */
export function contentRule(error: LlhttpErrorName, inTrailers: boolean): Rejection {
  if (!inTrailers) return reject('framing.chunk', 'not a chunk');
  switch (error) {
    case 'INVALID_CONTENT_LENGTH':
    case 'UNEXPECTED_CONTENT_LENGTH':
    case 'INVALID_TRANSFER_ENCODING':
      return reject('trailer.forbidden', 'a framing field after the content');
    default:
      return reject('field.malformed', 'not a trailer line that ends with CRLF');
  }
}

/** llhttp knows no such method or version, or knows the method from RTSP only: the whole line tells which it is. */
export function isStrangeLine(error: LlhttpErrorName, reason: string): boolean {
  if (error === 'INVALID_CONSTANT') return reason.startsWith('Invalid method for HTTP');
  return error === 'INVALID_METHOD' || error === 'INVALID_VERSION';
}

const wellFormedLine = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ [!-~]+ HTTP\/([0-9]\.[0-9])\r\n$/;

/** A request line that llhttp stopped in, with all of it that is needed to tell why. */
export function strangeLineRule(line: string): Rejection {
  const version = wellFormedLine.exec(line)?.[1];
  if (version === undefined) return reject('request-line.malformed', 'not method SP target SP version');
  if (version !== '1.1' && version !== '1.0') return reject('version.unsupported', 'neither HTTP/1.1 nor HTTP/1.0');
  return reject('method.unknown', 'a method that is not implemented here');
}

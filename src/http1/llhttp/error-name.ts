/** llhttp's error codes by number, as its `constants.ts` has them (9.4). */
const names = [
  'OK',
  'INTERNAL',
  'STRICT',
  'LF_EXPECTED',
  'UNEXPECTED_CONTENT_LENGTH',
  'CLOSED_CONNECTION',
  'INVALID_METHOD',
  'INVALID_URL',
  'INVALID_CONSTANT',
  'INVALID_VERSION',
  'INVALID_HEADER_TOKEN',
  'INVALID_CONTENT_LENGTH',
  'INVALID_CHUNK_SIZE',
  'INVALID_STATUS',
  'INVALID_EOF_STATE',
  'INVALID_TRANSFER_ENCODING',
  'CB_MESSAGE_BEGIN',
  'CB_HEADERS_COMPLETE',
  'CB_MESSAGE_COMPLETE',
  'CB_CHUNK_HEADER',
  'CB_CHUNK_COMPLETE',
  'PAUSED',
  'PAUSED_UPGRADE',
  'PAUSED_H2_UPGRADE',
  'USER',
  'CR_EXPECTED',
] as const;

export type LlhttpErrorName = (typeof names)[number];

/** A code that we do not know is an inner error of the parser: the message is refused all the same. */
export function errorName(code: number): LlhttpErrorName {
  return names[code] ?? 'INTERNAL';
}

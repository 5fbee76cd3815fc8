/** Of a path that is longer, the beginning says enough. */
const maxSubjectLength = 120;

/** Which request an environ block belongs to, for log lines: `GET /path`. */
export function subjectOf(environ: Uint8Array, environBytes: number): string {
  const block = Buffer.from(environ.buffer, environ.byteOffset, environBytes);
  return subjectText(valueIn(block, 'REQUEST_METHOD'), valueIn(block, 'RAW_URI'));
}

/** The query is left out: secrets are often in it. */
export function subjectText(method: string, target: string): string {
  const subject = `${method} ${target.replace(/\?.*$/s, '')}`.replace(
    /[^\x20-\x7e]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return subject.length > maxSubjectLength ? `${subject.slice(0, maxSubjectLength)}...` : subject;
}

/** Keys come in turn with values; what stands before these two is no client's, so no value there reads like one of them. */
function valueIn(block: Buffer, key: string): string {
  const text = `${key}\0`;
  const isFirst = block.toString('latin1', 0, text.length) === text;
  const start = (isFirst ? 0 : block.indexOf(`\0${text}`, 0, 'latin1') + 1) + text.length;
  return block.toString('latin1', start, Math.max(start, block.indexOf(0, start)));
}

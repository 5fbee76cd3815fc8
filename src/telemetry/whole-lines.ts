/** So much of a pipe is written whole or not at all (PIPE_BUF of Linux): between two such writes another process may write. */
const ATOMIC_BYTES = 4096;
const LF = 0x0a;

/** Pieces of whole lines that no other writer of a pipe can tear. Only a line that is longer itself is a longer piece. */
export function wholeLines(bytes: Buffer): readonly Buffer[] {
  const pieces: Buffer[] = [];
  let start = 0;
  while (bytes.length - start > ATOMIC_BYTES) {
    const lastEnd = bytes.lastIndexOf(LF, start + ATOMIC_BYTES - 1);
    const end = lastEnd >= start ? lastEnd : bytes.indexOf(LF, start);
    if (end < 0) break;
    pieces.push(bytes.subarray(start, end + 1));
    start = end + 1;
  }
  if (start < bytes.length) pieces.push(bytes.subarray(start));
  return pieces;
}

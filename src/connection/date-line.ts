/** `Date: …\r\n` (RFC 9110 section 6.6.1), made once a second. `now` is wall-clock time in milliseconds. */
export function createDateLine(now: () => number): () => Uint8Array {
  let second = -1;
  let line = Buffer.alloc(0);
  return () => {
    const milliseconds = now();
    const current = Math.floor(milliseconds / 1000);
    if (current !== second) {
      second = current;
      line = Buffer.from(`Date: ${new Date(milliseconds).toUTCString()}\r\n`, 'latin1');
    }
    return line;
  };
}

const CR = 0x0d;
const LF = 0x0a;

/** Some lines end as editors end them, which no request may (RFC 9112 section 2.2 lets us refuse it). */
export function hasBareLineFeeds(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) if (bytes[at - 1] !== CR) return true;
  return false;
}

/** With CRLF for each LF that has no CR before it, in content too. */
export function withCrlf(bytes: Uint8Array): Uint8Array {
  return Buffer.from(
    Buffer.from(bytes)
      .toString('latin1')
      .replace(/(?<!\r)\n/g, '\r\n'),
    'latin1',
  );
}

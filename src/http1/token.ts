const tokenBytes = new Uint8Array(256);
for (const c of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  tokenBytes[c.charCodeAt(0)] = 1;
}

/** RFC 9110 section 5.6.2: tchar. */
export function isTokenByte(byte: number): boolean {
  return tokenBytes[byte] === 1;
}

/**
 * FNV-1a with 32 bits, a byte at a time, so that a name is hashed where it lies. A peer can choose bytes that collide with
 * a name of a policy, and gains nothing: how many names share a hash is settled when they are compiled, and every hit is
 * compared byte by byte.
 */
export const FIRST_HASH = 0x811c9dc5 | 0;

export function hashByte(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x01000193);
}

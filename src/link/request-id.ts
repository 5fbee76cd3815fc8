/** Request ids of one link count up and wrap around after 2^32 - 1. */
export const firstRequestId = 1;

export function nextRequestId(id: number): number {
  return (id + 1) >>> 0;
}

export function previousRequestId(id: number): number {
  return (id - 1) >>> 0;
}

/** Whether `id` was given out after `other`: serial number arithmetic, RFC 1982 section 3.2. */
export function isAfter(id: number, other: number): boolean {
  const distance = (id - other) >>> 0;
  return distance !== 0 && distance < 0x80000000;
}

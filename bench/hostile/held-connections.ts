import { readFileSync } from 'node:fs';

/** States of a connection that its server has not ended, as the kernel numbers them. */
const ESTABLISHED = '01';
const CLOSE_WAIT = '08';
const PAUSE_MS = 100;
const MOST_LATE_SECONDS = 15;

/**
 * Connections to a port of 127.0.0.1 that its server still holds, those in the kernel's queue that it never took included.
 * The kernel's table is asked and not the client: bytes that a client does not read hide from it that the server is gone.
 */
export function heldConnections(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  let held = 0;
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
    const [, address = '', , state] = line.trimStart().split(/ +/, 4);
    if (address.endsWith(local) && (state === ESTABLISHED || state === CLOSE_WAIT)) held += 1;
  }
  return held;
}

/**
 * How many are left once there are none, or so many seconds after the last time that there were more than a moment before:
 * an attacker that is short of CPU is still connecting when others are done, and each connection has its own deadline.
 */
export async function whenReleased(port: number, seconds: number): Promise<number> {
  let deadline = performance.now() + seconds * 1000;
  const latest = deadline + MOST_LATE_SECONDS * 1000;
  let before = heldConnections(port);
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const held = heldConnections(port);
    const now = performance.now();
    if (held > before) deadline = Math.min(latest, now + seconds * 1000);
    if (held === 0 || now > deadline) return held;
    before = held;
  }
}

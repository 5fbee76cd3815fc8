import { readFileSync } from 'node:fs';

/** States of a connection that its server has not ended, as the kernel numbers them. */
const ESTABLISHED = '01';
const CLOSE_WAIT = '08';
const PAUSE_MS = 100;

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

/** How many are left once there are none, or after so many seconds. */
export async function whenReleased(port: number, seconds: number): Promise<number> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const held = heldConnections(port);
    if (held === 0 || performance.now() > deadline) return held;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

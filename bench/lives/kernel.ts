import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What Linux says about processes and their connections, whatever the servers say. */

export function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
}

export function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return ''; // gone
  }
}

/** Takes effect between two instructions of the process; returns when it has. */
export function stopProcess(pid: number): void {
  process.kill(pid, 'SIGSTOP');
  while (!/^State:\s+[TtZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1')));
}

/** Ports of the clients whose connections to `serverPort` this process holds. One that nobody has accepted yet is nobody's. */
export function clientsOf(pid: number, serverPort: number): ReadonlySet<number> {
  const sockets = new Set(descriptorsOf(pid));
  const connections = readFileSync('/proc/net/tcp', 'latin1').trim().split('\n').slice(1);
  const held = connections.flatMap((line) => {
    const [, local = '', remote = '', , , , , , , inode = ''] = line.trim().split(/\s+/);
    return portOf(local) === serverPort && sockets.has(`socket:[${inode}]`) ? [portOf(remote)] : [];
  });
  return new Set(held);
}

function descriptorsOf(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((name) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${name}`)];
    } catch {
      return [];
    }
  });
}

/** `0100007F:1F90` is 127.0.0.1:8080. */
function portOf(address: string): number {
  return Number.parseInt(address.slice(address.indexOf(':') + 1), 16);
}

import type { BindAddress } from '../config/bind-address.ts';

const firstDescriptor = 3;
/** More is a mistake of whoever set it. */
const mostDescriptors = 256;

/**
 * The sockets that a service manager bound for this very process (systemd.socket, `sd_listen_fds(3)`); null where it did not.
 * As in Gunicorn they take the place of all addresses. The variables go: no program that we start may think they are its own.
 */
export function takeActivatedSockets(environment: NodeJS.ProcessEnv, pid: number): readonly BindAddress[] | null {
  const { LISTEN_PID: forPid, LISTEN_FDS: count = '' } = environment;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete environment[name];
  if (Number(forPid) !== pid || !/^[1-9]\d{0,2}$/.test(count) || Number(count) > mostDescriptors) return null;
  return Array.from({ length: Number(count) }, (_, index) => ({
    kind: 'descriptor',
    descriptor: firstDescriptor + index,
  }));
}

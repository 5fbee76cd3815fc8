/** What `ps` says of a process. */
export type Role = 'master' | 'edge' | 'worker';
export type Phase = 'booting' | 'serving' | 'draining';

const longestPhase = 'draining'.length;

/** `portcullis: worker [shop] serving`. */
export function titleOf(role: Role, name: string, phase: Phase): string {
  return `${titleWithoutPhase(role, name)} ${phase}`;
}

/** The same for a child that adds its phase itself. */
export function titleWithoutPhase(role: Role, name: string): string {
  return `portcullis: ${role} [${name}]`;
}

/**
 * `argv[0]` of a child: the title it has from its first moment on. What a process may show later is as long as its arguments
 * were (they are overwritten in place), so there is room for the longest phase.
 */
export function titleArgument(role: Role, name: string): string {
  const title = titleOf(role, name, 'booting');
  return title.padEnd(title.length - 'booting'.length + longestPhase);
}

/** A child tells how far it is; one that was started in another way keeps the title that it has. */
export function showPhase(phase: Phase): void {
  const { argv0 } = process;
  const title = argv0.replace(/ booting *$/, ` ${phase}`);
  if (argv0.startsWith('portcullis: ') && title !== argv0) process.title = title;
}

/** How urgently the program shall end; a further signal only ever makes it more urgent. */
export type Urgency = 'drain' | 'stop' | 'kill';

export type SignalHandlers = {
  /** Any signal that we act on or answer, by Gunicorn's name for it: `term`. */
  received(name: string): void;
  shutDown(urgency: Urgency): void;
  /** TTIN and TTOU: one worker more, one less. */
  resize(change: 1 | -1): void;
  /** HUP. */
  reload(): void;
  /** USR2: a new program takes over. */
  upgrade(): void;
  /** WINCH: our processes are left to it. Also what a terminal sends whose size changes. */
  retire(): void;
  /** USR1. */
  reopenLogs(): void;
};

const nextUrgency: Readonly<Record<Urgency, Urgency>> = { drain: 'stop', stop: 'kill', kill: 'kill' };

/**
 * Gunicorn's signals. TERM drains, INT and QUIT stop at once; each further one of the three is one step harder, for the
 * person who presses Ctrl-C again. Returns what takes the handlers away.
 */
export function watchSignals(handlers: SignalHandlers): () => void {
  let urgency: Urgency | undefined;
  const shutDown = (least: Urgency): void => {
    urgency = urgency === undefined ? least : nextUrgency[urgency];
    handlers.shutDown(urgency);
  };
  const actions: Readonly<Partial<Record<NodeJS.Signals, (name: string) => void>>> = {
    SIGTERM: () => shutDown('drain'),
    SIGINT: () => shutDown('stop'),
    SIGQUIT: () => shutDown('stop'),
    SIGTTIN: () => handlers.resize(1),
    SIGTTOU: () => handlers.resize(-1),
    SIGHUP: () => handlers.reload(),
    SIGUSR1: () => handlers.reopenLogs(),
    SIGUSR2: () => handlers.upgrade(),
    SIGWINCH: () => handlers.retire(),
  };
  const installed = Object.entries(actions).map(([signal, act]) => {
    const name = signal.slice('SIG'.length).toLowerCase();
    const listener = (): void => {
      if (signal !== 'SIGWINCH') handlers.received(name);
      act(name);
    };
    process.on(signal, listener);
    return { signal, listener };
  });
  return () => {
    for (const { signal, listener } of installed) process.off(signal, listener);
  };
}

/**
 * The states of a connection and what leads from one to the next. `responding` → `idle` is the only way back, so
 * keep-alive is decided in one place. Each waiting state has one deadline; where a request waits for several parties,
 * `Exchange.waitsFor` says for whom.
 */
export type State =
  | 'idle'
  | 'receiving-head'
  | 'receiving-content'
  | 'responding'
  | 'refusing'
  | 'lingering'
  | 'closed';

export type Input =
  | 'first-byte'
  | 'head'
  | 'end-of-message'
  | 'response-sent'
  | 'last-response-sent'
  | 'rejected'
  | 'refusal-sent'
  | 'destroyed';

const transitions: Readonly<Record<State, Readonly<Partial<Record<Input, State>>>>> = {
  idle: { 'first-byte': 'receiving-head', rejected: 'refusing', destroyed: 'closed' },
  'receiving-head': { head: 'receiving-content', rejected: 'refusing', destroyed: 'closed' },
  'receiving-content': {
    'end-of-message': 'responding',
    'last-response-sent': 'lingering',
    rejected: 'refusing',
    destroyed: 'closed',
  },
  responding: {
    'response-sent': 'idle',
    'last-response-sent': 'lingering',
    rejected: 'refusing',
    destroyed: 'closed',
  },
  refusing: { 'refusal-sent': 'lingering', destroyed: 'closed' },
  lingering: { destroyed: 'closed' },
  closed: { destroyed: 'closed' },
};

/** A pair the table lacks is our bug, not the peer's: it throws and costs this connection, never a wrong reply. */
export function nextState(state: State, input: Input): State {
  const next = transitions[state][input];
  if (next === undefined) throw new Error(`no transition from ${state} on ${input}`);
  return next;
}

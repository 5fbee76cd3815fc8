import type { RequestPhase } from './dispatch.ts';

/** What a log line tells of a request that somebody waited for in vain. */
export type UnansweredRequest = {
  readonly requestId: string;
  readonly subject: string;
  readonly phase: RequestPhase;
  readonly ageMs: number;
};

const phases: Readonly<Record<RequestPhase, string>> = {
  queued: 'in the queue',
  sent: 'not begun',
  begun: 'begun',
  responding: 'its response on the way',
  over: 'given up',
};
const maxListed = 10;

/** `GET /report, dispatched 30.1 s ago, begun`. */
export function describeRequest({ subject, phase, ageMs }: Omit<UnansweredRequest, 'requestId'>): string {
  return `${subject}, dispatched ${(ageMs / 1000).toFixed(1)} s ago, ${phases[phase]}`;
}

/** Those that were begun first: one of them holds up the others. */
export function describeRequests(requests: readonly UnansweredRequest[]): string {
  const isUntouched = ({ phase }: UnansweredRequest): boolean => phase === 'sent';
  const listed = [...requests.filter((request) => !isUntouched(request)), ...requests.filter(isUntouched)]
    .slice(0, maxListed)
    .map((request) => `${request.requestId} (${describeRequest(request)})`);
  if (requests.length > maxListed) listed.push(`${requests.length - maxListed} more`);
  return listed.length === 0 ? 'none' : listed.join('; ');
}

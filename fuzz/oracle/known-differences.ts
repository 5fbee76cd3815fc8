import type { Message } from '../reading.ts';
import type { OracleName } from './agreement.ts';

/**
 * Where another reader shows what we both accept in another way, and we stand by ours: how it shows one of our messages,
 * and nothing else of it, so that everything else is still compared. Each has its reason in the RFCs and a case in
 * known-differences.cases.json that fails without it.
 */
export type KnownDifference = {
  readonly name: string;
  readonly oracle: OracleName;
  readonly reason: string;
  readonly shownAs: (message: Message) => Message;
};

export const knownDifferences: readonly KnownDifference[] = [
  {
    name: 'h11 shows the transfer coding in lower case',
    oracle: 'h11',
    reason: 'RFC 9112 section 7: names of transfer codings are case-insensitive. The application never sees the field.',
    shownAs: (message) => withValues(message, 'transfer-encoding', (value) => value.toLowerCase()),
  },
];

/** Our message as this reader shows it. */
export function shownBy(oracle: OracleName, message: Message, known = knownDifferences): Message {
  return known.reduce(
    (shown, difference) => (difference.oracle === oracle ? difference.shownAs(shown) : shown),
    message,
  );
}

function withValues(message: Message, wanted: string, change: (value: string) => string): Message {
  const fields = message.fields.map(([name, value]) => [name, name === wanted ? change(value) : value] as const);
  return { ...message, fields };
}

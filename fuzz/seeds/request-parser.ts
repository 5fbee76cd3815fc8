import { withControl } from '../control.ts';
import { corpusRequests, requestsOfCases, type Seed } from './cases.ts';
import { grammarMade } from './grammar.ts';

/** Beyond this a seed is only slow: what long inputs reach, small limits reach as well. */
const LONGEST = 2000;

const GRAMMAR_MADE = 500;
/** More framing than content: what the bounds on chunk extensions are for. */
const extensions = [2, 6, 12, 20, 26].flatMap((count) =>
  ['a=b', 'aaaaaaaaaaaaaaa=b', 'a'.repeat(40)].map((extension) => {
    const chunks = `1;${extension}\r\na\r\n`.repeat(count);
    return Buffer.from(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`);
  }),
);

/** The corpus, the tests' own cases and what the grammar makes, under the default policy's limits and the small ones. */
export function seeds(): Seed[] {
  const requests = [
    ...corpusRequests().map(({ bytes, peerEnds }) => withControl(bytes, { peerEnds })),
    ...requestsOfCases().map((bytes) => withControl(bytes)),
    ...extensions.map((bytes) => withControl(bytes)),
    ...grammarMade(GRAMMAR_MADE),
  ].filter(({ length }) => length <= LONGEST);
  return requests.flatMap((bytes, index) => {
    const small = Buffer.from(bytes);
    small[0] = (bytes[0] ?? 0) & ~4;
    return [
      { name: `${index}`, bytes },
      { name: `${index}-small`, bytes: small },
    ];
  });
}

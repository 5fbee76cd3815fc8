import type { RequestHead } from '../src/http1/request-head.ts';
import type { Inspection } from '../src/inspect/inspect.ts';
import { EnvironEncoder, encodePairs, longestEnviron } from '../src/upstream/environ.ts';
import { isBelow, mountAt } from '../src/upstream/mount.ts';
import { EnvironDecoder } from '../src/worker/decode-environ.ts';
import { type Control, readControl } from './control.ts';
import { plainEnviron } from './plain-environ.ts';
import { messageOf, readRequests } from './reading.ts';
import { Violation } from './violation.ts';

const requestIdPrefix = 'id-';
const pairs = [
  ['SERVER_NAME', 'listener'],
  ['SERVER_PORT', '8000'],
  ['REMOTE_ADDR', '192.0.2.1'],
] as const;
const connectionPairs = Buffer.from(encodePairs(pairs), 'latin1');
const mounts = ['', '/a'].map((scriptName) => {
  const mount = mountAt(scriptName);
  return { mount, encoder: new EnvironEncoder(requestIdPrefix, mount) };
});
/** One for all inputs, as in a worker: what it remembers of earlier ones must not show. */
const decoder = new EnvironDecoder({ 'wsgi.run_once': false });

/**
 * The environ of every accepted request, encoded and decoded, is what DESIGN section 5 says of that request: no key more,
 * none less, none twice, none longer than was foreseen; whether it lies below a mount is what its decoded path says.
 */
export function fuzz(data: Buffer): void {
  const input = readControl(data);
  if (input === undefined) return;
  const { control, bytes } = input;
  let number = 0;
  readRequests([bytes], {
    ...control,
    onAccepted: (head, inspection) => {
      for (const { mount, encoder } of mounts) check(head, inspection, control, mount, encoder, ++number);
    },
  });
}

function check(
  head: RequestHead,
  inspection: Inspection,
  { limits }: Control,
  mount: (typeof mounts)[number]['mount'],
  encoder: EnvironEncoder,
  number: number,
): void {
  const message = messageOf(head);
  const { scriptName } = mount;
  const path = Buffer.from(inspection.pathBytes).toString('latin1', inspection.pathStart, inspection.pathEnd);
  const below = scriptName === '' || path === '*' || path === scriptName || path.startsWith(`${scriptName}/`);
  if (isBelow(inspection, mount) !== below) throw new Violation('mounted', `${scriptName} and ${path}`);
  if (!below) return;

  const block = Buffer.from(encoder.encode(head, inspection, connectionPairs, number));
  if (block.length > longestEnviron(limits)) throw new Violation('longest-environ', `${block.length} bytes`);
  const keys = block
    .toString('latin1')
    .split('\0')
    .filter((_, index) => index % 2 === 0);
  if (new Set(keys).size !== keys.length) throw new Violation('key-twice', keys.join());
  const decoded = decoder.decode(block, 0, block.length);
  const expected = {
    'wsgi.run_once': false,
    ...Object.fromEntries(pairs),
    ...plainEnviron(message, scriptName),
    'portcullis.request_id': `${requestIdPrefix}${number}`,
  };
  if (sorted(decoded) === sorted(expected)) return;
  throw new Violation('plain-environ', `${sorted(decoded)}\nexpected: ${sorted(expected)}`);
}

function sorted(environ: Record<string, unknown> | null): string {
  return JSON.stringify(environ === null ? null : Object.entries(environ).sort(([a], [b]) => (a < b ? -1 : 1)));
}

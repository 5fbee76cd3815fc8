import { readdirSync, readFileSync } from 'node:fs';
import { expand } from '../../src/rejection/example-bytes.ts';

/** Inputs that a target starts from, each with a name. */
export type Seed = { readonly name: string; readonly bytes: Uint8Array };

type CorpusRow = { readonly id: string; readonly send: readonly string[]; readonly eof?: boolean };

/** The corpus of raw requests: what is sent on one connection, and whether the client ends its side behind it. */
export function corpusRequests(): { readonly id: string; readonly bytes: Buffer; readonly peerEnds: boolean }[] {
  const lines = readFileSync(new URL('../../test/corpus/requests.jsonl', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n');
  return lines.map((line) => {
    const { id, send, eof } = JSON.parse(line) as CorpusRow;
    const bytes = Buffer.concat(send.map((segment) => Buffer.from(segment, 'base64')));
    return { id, bytes, peerEnds: eof === true };
  });
}

/** Every request of the tests' case files, which say `{a*100}` for repetition. */
export function requestsOfCases(): Buffer[] {
  const folder = new URL('../../test/', import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.cases.json'),
  );
  return files.flatMap((file) => {
    const rows: unknown = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
    // Others hold no requests.
    if (!Array.isArray(rows)) return [];
    return (rows as readonly { readonly request?: unknown }[]).flatMap(({ request }) =>
      typeof request === 'string' ? [Buffer.from(expand(request), 'latin1')] : [],
    );
  });
}

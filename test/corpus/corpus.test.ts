import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readControl, withControl } from '../../fuzz/control.ts';
import { type OwnReading, readRequests } from '../../fuzz/reading.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import { putInForce } from '../../src/policy/policy-in-force.ts';
import { rules } from '../../src/rejection/rules.ts';
import { byteByByte } from '../support/parser-events.ts';
import { type Program, root, startProgram } from '../support/program.ts';

/** Raw requests with the verdict that a strict server has to reach. test/corpus/README.md says what each key means. */
type Row = {
  readonly id: string;
  readonly send: readonly string[];
  readonly expect: 'accept' | 'reject' | 'safe' | 'either';
  readonly count?: number;
  readonly min_count?: number;
  readonly status?: readonly number[];
  readonly hang_ok?: boolean;
  readonly eof?: boolean;
  readonly never?: string;
};

const files = ['requests.jsonl', 'techniques.jsonl'].map((name) => fileURLToPath(new URL(name, import.meta.url)));
const rows = files.flatMap((file) =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Row),
);

const policy = putInForce(loadPolicy(null)).general;
/** Longer ones are only read as they were sent: byte by byte they take a minute together. */
const longestByteByByte = 20_000;

function read(row: Row, pieces: readonly Uint8Array[]): OwnReading {
  const input = readControl(withControl(Buffer.alloc(0), { peerEnds: row.eof === true }));
  assert.ok(input !== undefined);
  return readRequests(pieces, { ...input.control, limits: policy.request, policy });
}

/** What is wrong with a reading, if anything is; the verdicts are those of replay.py. */
function fault(row: Row, { messages, rejections, refusedMessages, end }: OwnReading): string | undefined {
  const [first] = rejections;
  const accepted = messages.length - refusedMessages;
  const most = row.count ?? (row.expect === 'reject' ? 0 : 1);
  if (messages.some(({ target }) => row.never !== undefined && target.includes(row.never)))
    return 'saw a hidden request';
  switch (row.expect) {
    case 'accept':
      return accepted === most || (end === 'closed' && accepted < most) ? undefined : `accepted ${accepted} of ${most}`;
    case 'reject':
      if (accepted > most || accepted < (row.min_count ?? 0)) return `accepted ${accepted}`;
      if (first === undefined) return row.hang_ok === true || end === 'closed' ? undefined : `refused nothing: ${end}`;
      return row.status === undefined || row.status.includes(rules[first].status ?? 0)
        ? undefined
        : `refused by ${first}`;
    case 'safe':
      return accepted <= most ? undefined : `accepted ${accepted}`;
    case 'either':
      return undefined;
  }
}

describe('the corpus, in process', () => {
  it('gets its verdicts, whole, byte by byte and as it was sent', () => {
    const faults = rows.flatMap((row) => {
      const sent = row.send.map((segment) => Buffer.from(segment, 'base64'));
      const whole = Buffer.concat(sent);
      const readings = [read(row, sent), read(row, [whole])];
      if (whole.length <= longestByteByByte) readings.push(read(row, byteByByte(whole)));
      const wrong = readings.map((reading) => fault(row, reading)).find((text) => text !== undefined);
      return wrong === undefined ? [] : [`${row.id}: ${wrong}`];
    });
    assert.deepEqual(faults, []);
  });
});

type Replayed = {
  readonly held: number;
  readonly counted: number;
  readonly results: readonly { readonly id: string; readonly detail: string }[];
};

describe('the corpus, over sockets', () => {
  const folder = mkdtempSync(join(tmpdir(), 'corpus-'));
  let server: Program | undefined;
  let replayed: Replayed;
  let printed = '';

  before(async () => {
    // One case says `Host: evil.example:31` and looks for 31 in SERVER_PORT, where it could stand by chance.
    let port = '31';
    while (port.includes('31')) {
      await server?.stop();
      server = startProgram(['-b', '127.0.0.1:0', join(root, 'examples/echo.js')]);
      port = String(await server.port());
    }
    const results = join(folder, 'results.json');
    const script = fileURLToPath(new URL('replay.py', import.meta.url));
    // Patient, for loaded machines: most cases end long before.
    const patience = ['--idle', '4', '--settle', '0.7', '--max', '30'];
    const args = [script, '--port', port, '--strict-status', ...patience, '--json', results, '--corpus', ...files];
    const replay = spawn('/usr/bin/python3', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    replay.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    await once(replay, 'close');
    replayed = JSON.parse(readFileSync(results, 'utf8')) as Replayed;
  });
  after(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true });
  });

  it('gets its verdicts and the statuses that they should have', () => {
    assert.equal(replayed.results.length, rows.length);
    assert.equal(replayed.held, replayed.counted, printed);
    assert.ok(replayed.counted > 8000, printed);
  });

  it('is never refused by a bare close', () => {
    const bare = replayed.results.filter(({ detail }) => /^(\[\]|no response), closed/.test(detail));
    assert.deepEqual(bare, []);
  });
});

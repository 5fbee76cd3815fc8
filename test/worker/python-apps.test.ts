import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { endFlag, frameType } from '../../src/link/frame.ts';
import { u32 } from '../link/bytes.ts';
import { readCases } from '../support/cases.ts';
import { requestEnviron } from './environ-block.ts';
import { PythonWorkerProcess } from './python-worker-process.ts';
import { ScriptedEdge } from './scripted-edge.ts';

/** What an application of `fixtures/python/apps.py` does, and what comes of it. */
type AppCase = {
  readonly behaviour: string;
  readonly source: string;
  readonly app: string;
  readonly method?: string;
  readonly query?: string;
  readonly content?: string;
  readonly status: string;
  readonly answer?: string;
  readonly answerBytes?: number;
  readonly answerMatches?: string;
  readonly field?: readonly [string, string];
  readonly isCut?: boolean;
  /** In the error log; left out: nothing. */
  readonly logged?: string;
  /** False: `wsgiref.validate` has another opinion of the application itself. */
  readonly validated?: false;
};

type Answer = { readonly head: readonly string[]; readonly content: string; readonly isCut: boolean };

const cases = readCases<AppCase>('./python-apps.cases.json', import.meta.url);

/** Sends a request and grants what comes until its last frame. */
async function answerTo(edge: ScriptedEdge, id: number, environ: Buffer, content: string | null): Promise<Answer> {
  edge.send(frameType.request, id, environ, content === null ? endFlag : 0);
  if (content !== null) {
    const middle = content.length >> 1;
    edge.send(frameType.content, id, content.slice(0, middle));
    edge.send(frameType.content, id, content.slice(middle), endFlag);
  }
  let seen = 0;
  const answer = { head: [] as string[], content: '', isCut: false };
  for (;;) {
    await edge.until(() => edge.frames.filter((frame) => frame.id === id).length > seen);
    const frame = edge.frames.filter((candidate) => candidate.id === id)[seen++];
    assert.ok(frame !== undefined);
    if (frame.type === frameType.credit) continue;
    if (frame.type === frameType.abort) return { ...answer, isCut: true };
    let piece = frame.payload;
    if (frame.type === frameType.response) {
      const headBytes = Buffer.from(piece, 'latin1').readUInt32LE(0);
      answer.head = piece.slice(4, 4 + headBytes).split('\0');
      piece = piece.slice(4 + headBytes);
    }
    answer.content += piece;
    if (frame.end) return answer;
    if (piece.length > 0) edge.send(frameType.credit, id, u32(piece.length));
  }
}

function contentOf(row: AppCase): string | null {
  return row.content ?? null;
}

for (const workerClass of ['sync', 'gthread', 'gevent', 'eventlet'] as const) {
  for (const callable of ['application', 'validated'] as const) {
    describe(`a ${workerClass} worker runs apps:${callable}, which answers with`, () => {
      let worker: PythonWorkerProcess;
      let edge: ScriptedEdge;
      let lastId = 0;
      before(async () => {
        worker = await new PythonWorkerProcess({ workerClass, callable }).started();
        edge = await ScriptedEdge.link(worker);
      });
      after(async () => {
        edge.stop();
        await worker.stop();
      });

      for (const row of cases) {
        if (callable === 'validated' && row.validated === false) continue;
        it(`${row.behaviour} (${row.source})`, async () => {
          const { length } = worker.stderr;
          const changes = {
            REQUEST_METHOD: row.method ?? (row.content === undefined ? 'GET' : 'POST'),
            QUERY_STRING: row.query ?? '',
            CONTENT_LENGTH: row.content === undefined ? '' : String(row.content.length),
          };
          const answer = await answerTo(edge, ++lastId, requestEnviron(`/${row.app}`, changes), contentOf(row));
          assert.equal(answer.head[0], row.status);
          if (row.answer !== undefined) assert.equal(answer.content, row.answer);
          if (row.answerBytes !== undefined) assert.equal(answer.content.length, row.answerBytes);
          if (row.answerMatches !== undefined) assert.match(answer.content, new RegExp(row.answerMatches));
          assert.equal(answer.isCut, row.isCut ?? false);
          assert.doesNotMatch(answer.content, /Traceback|on purpose/);
          if (row.field !== undefined) {
            const at = answer.head.indexOf(row.field[0]);
            assert.equal(answer.head[at + 1], row.field[1]);
          }
          if (row.logged === undefined) assert.equal(worker.stderr.slice(length), '');
          else await worker.logged(new RegExp(row.logged), length);
        });
      }
    });
  }
}

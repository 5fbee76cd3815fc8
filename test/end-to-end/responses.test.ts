import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { bytesOf, readCases } from '../support/cases.ts';
import { get, type Server, startServer, withoutDate, workerClasses } from './server.ts';

type ResponseCase = {
  readonly behaviour: string;
  readonly source: string;
  readonly request: string;
  /** All that comes back, with `{date}` for the date. */
  readonly response: string;
};

type BadAppCase = {
  readonly behaviour: string;
  readonly path: string;
  /** The answer matches this. */
  readonly answer: string;
  /** So does what the log says about it. */
  readonly logged: string;
  /** The answer does not reach its end. */
  readonly isCut?: true;
  /** The log line is the edge's: it names the rule and not the request. */
  readonly anonymous?: true;
};

for (const workerClass of workerClasses) {
  describe(`the program with -k ${workerClass}`, () => {
    let server: Server;
    before(async () => {
      server = await startServer({ workerClass, policy: { timeouts: { worker: '300ms' } } });
    });
    after(() => server.stop());

    for (const row of readCases<ResponseCase>('responses.cases.json', import.meta.url)) {
      it(`${row.behaviour} (${row.source})`, async () => {
        assert.equal(withoutDate(await server.ask(bytesOf(row.request))), row.response);
      });
    }

    for (const row of readCases<BadAppCase>('bad-apps.cases.json', import.meta.url)) {
      it(`serves an application ${row.behaviour}, says why, and lives on`, async () => {
        const logBefore = server.program.stderr.length;
        const text = await server.ask(get(row.path));
        assert.match(text, new RegExp(row.answer, 's'));
        if (row.isCut === true) assert.doesNotMatch(text, /\r\n0\r\n\r\n$/);
        const isLogged = new RegExp(row.logged);
        await server.program.logged(isLogged);
        const log = server.program.stderr.slice(logBefore);
        assert.match(log, isLogged);
        if (row.anonymous === undefined) assert.match(log, /fixtures\/app\.js:app: request [0-9a-f]{16}-\d+: /);
        assert.match(await server.ask(get('/declared')), /hello$/);
      });
    }

    it('said nothing at the level of errors but that', () => {
      assert.doesNotMatch(server.program.stderr, /Fault in a connection|unhandled|uncaught/);
    });
  });
}

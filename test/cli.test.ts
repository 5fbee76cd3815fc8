import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runProgram } from './support/program.ts';

const cases: readonly {
  readonly behaviour: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly code: number;
  readonly said: RegExp;
}[] = [
  { behaviour: 'a missing application', args: [], code: 2, said: /the application is missing/ },
  {
    behaviour: 'an application that is not there',
    args: ['examples/helo.js'],
    code: 4,
    said: /Did you mean hello\.js\?/,
  },
  {
    behaviour: 'an unknown flag',
    args: ['--wrokers', '2', 'examples/hello.js'],
    code: 2,
    said: /Did you mean --workers\?/,
  },
  { behaviour: 'zero workers', args: ['-w', '0', 'examples/hello.js'], code: 2, said: /from 1 to 512/ },
  { behaviour: 'absurd workers', args: ['-w', '100000', 'examples/hello.js'], code: 2, said: /from 1 to 512/ },
  {
    behaviour: 'an unreadable policy',
    args: ['-P', 'policies', 'examples/hello.js'],
    code: 2,
    said: /policies/,
  },
  {
    behaviour: 'an invalid policy',
    args: ['-P', 'package.json', 'examples/hello.js'],
    code: 2,
    said: /package\.json:\d+:\d+: /,
  },
  {
    behaviour: 'a broken environment',
    args: ['examples/hello.js'],
    environment: { WEB_CONCURRENCY: 'x' },
    code: 2,
    said: /environment WEB_CONCURRENCY/,
  },
  {
    behaviour: 'an address that this machine does not have',
    args: ['-b', '192.0.2.1:80', 'examples/hello.js'],
    code: 1,
    said: /Cannot listen at 192\.0\.2\.1:80: this machine has no such address/,
  },
];

describe('portcullis', () => {
  for (const { behaviour, args, environment, code, said } of cases) {
    it(`ends with ${code} and says why for ${behaviour}`, async () => {
      const exit = await runProgram(args, environment === undefined ? {} : { env: environment });
      assert.equal(exit.code, code, exit.stderr);
      assert.match(exit.stderr, said);
      assert.equal(exit.stdout, '');
      assert.doesNotMatch(exit.stderr, /^ +at /m);
    });
  }

  it('prints help and version on standard output', async () => {
    const help = await runProgram(['--help']);
    assert.deepEqual([help.code, help.stderr], [0, '']);
    assert.match(help.stdout, /^Usage: portcullis \[flags\] APP\n/);
    const version = await runProgram(['--version']);
    assert.deepEqual([version.code, version.stderr], [0, '']);
    assert.match(version.stdout, /^portcullis \d+\.\d+\.\d+\n$/);
  });
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { shippedNames } from '../../src/policy/shipped.ts';
import { root, runProgram } from '../support/program.ts';
import { get, inFolderOfFiles, policy } from './policy-command-harness.ts';

/** `out` and `err` are looked for; an empty pattern list of `err` means that nothing is said there. */
type Case = {
  readonly behaviour: string;
  readonly args: string;
  readonly stdin?: string;
  readonly code: number;
  readonly out?: readonly RegExp[];
  readonly err?: readonly RegExp[];
};

const cases: readonly Case[] = [
  {
    behaviour: 'check finds a file valid',
    args: 'check site.json',
    code: 0,
    out: [/^site\.json: valid \(1 route, 2 tests passed, extends default\)\n$/],
  },
  { behaviour: 'check takes names of shipped policies', args: 'check default', code: 0, out: [/^default: valid/] },
  {
    behaviour: 'check names the chain of a file',
    args: 'check same.yaml',
    code: 0,
    out: [/extends site\.json > default\)/],
  },
  {
    behaviour: 'check warns, and finds the file valid all the same',
    args: 'check doubtful.json',
    code: 0,
    out: [/^doubtful\.json: valid .*\nwarning: doubtful\.json:1:17: \/timeouts\/head: a head may take 20s/],
  },
  {
    behaviour: 'check lets warnings fail',
    args: 'check --error-on-warnings doubtful.json',
    code: 2,
    out: [/warning:/],
  },
  {
    behaviour: 'check looks at all files and ends with the worst',
    args: 'check invalid.json site.json failing.json empty.json .',
    code: 2,
    out: [
      /^invalid\.json: invalid\nsite\.json: valid .*\nfailing\.json: invalid\nempty\.json: invalid\n\.: invalid\n$/,
    ],
    err: [
      /^invalid\.json:1:3: \/requst: .*did you mean "request"\?\n {3}1 \| .*\n {5}\| {3}\^\n/,
      /^failing\.json:1:11: \/tests\/0: the test "x" fails: expected a request that is refused, found that it passes/m,
      /^empty\.json: the file is empty/m,
      /^\.: this is a directory/m,
    ],
  },
  {
    behaviour: 'test runs the tests of all files',
    args: 'test site.json failing.json default',
    code: 1,
    out: [
      /^ok {3}nobody gets into admin\nok {3}all others pass\nsite\.json: 2 tests, all passed\n/,
      /^FAIL x\n {5}failing\.json:1:11: expected a request that is refused, found that it passes\nfailing\.json: 1 test, 1 failed\n/m,
      /^default: there are no tests in it\n/m,
    ],
  },
  { behaviour: 'test passes where all pass', args: 'test site.json', code: 0, out: [/all passed/] },
  { behaviour: 'test passes where there are none', args: 'test doubtful.json', code: 0, out: [/there are no tests/] },
  {
    behaviour: 'test refuses an invalid file',
    args: 'test invalid.json',
    code: 2,
    err: [/^portcullis: invalid\.json:1:3/],
  },
  {
    behaviour: 'explain lets a request pass',
    args: 'explain -P site.json pass.http',
    code: 0,
    out: [
      /^request {3}GET \/ of shop\.example from 192\.0\.2\.1\nverdict {3}passes\nroute {5}none\nlimits\n/,
      /^ {2}\/request\/line\/maxBytes +2KiB +site\.json:4:7$/m,
      /^ {2}\/queue\/max +2048 +default$/m,
      /^environ\n( {2}\S+=.*\n)+$/m,
      /^ {2}HTTP_HOST=shop\.example$/m,
    ],
  },
  {
    behaviour: 'explain says what refused a request, and where it stands',
    args: 'explain --policy site.json refused.http',
    code: 1,
    out: [
      /^verdict {3}refused: 403 client\.denied \(the address is not among those allowed\)$/m,
      /^decided {3}\/routes\/0\/clients\/allow = 10\.0\.0\.0\/8 {2}site\.json:\d+:\d+$/m,
      /^route {5}\/admin\/\* {2}site\.json:\d+:\d+$/m,
      /^then {6}the connection ends/m,
    ],
  },
  { behaviour: 'explain takes an address', args: 'explain -P site.json --from 10.1.2.3 refused.http', code: 0 },
  {
    behaviour: 'explain tells what is only observed',
    args: 'explain -P site.json observed.http',
    code: 0,
    out: [
      /^observed {2}would be refused: 421 host\.not-allowed \(.*\) {2}\/rules\/host\.not-allowed = observe {2}site\.json:\d+:\d+\n {10}\/request\/hosts = shop\.example {2}site/m,
    ],
  },
  {
    behaviour: 'explain names the rate limits that a request counts under, and does not judge them',
    args: 'explain -P limited.json pass.http',
    code: 0,
    out: [
      /^counted {3}\/rateLimits = per-client \(100 per 1s for each client, burst 200, block 1m\), all \(5000 per 1s for all together, exact\) {2}limited\.json:\d+:\d+\n {10}not judged here: that takes a clock/m,
    ],
  },
  {
    behaviour: 'explain names the rate limits of the route, and none of what has none or is refused',
    args: 'explain -P limited.json login.http',
    code: 1,
    out: [
      /^counted {3}\/routes\/0\/rateLimits = login \(5 per 1m for each client, cost 5\) /m,
      /^(?!(.*\n)*counted(.*\n)*counted)/,
    ],
  },
  {
    behaviour: 'explain says that no policy can allow it',
    args: 'explain framing.http',
    code: 1,
    out: [/^decided {3}no policy can allow it \(RFC 9112 section 6\.3\)\n.*smuggled/m],
  },
  {
    behaviour: 'explain finds a request incomplete',
    args: 'explain incomplete.http',
    code: 1,
    out: [/^verdict {3}incomplete:/m, /^hint {6}an empty line ends a head$/m, /^route {5}not known/m],
  },
  {
    behaviour: 'explain finds an empty file incomplete',
    args: 'explain empty.http',
    code: 1,
    out: [/^request {3}nothing/],
  },
  { behaviour: 'explain reads standard input', args: 'explain -', stdin: get('/'), code: 0, out: [/passes/] },
  {
    behaviour: 'explain tells of lines as editors end them',
    args: 'explain typed.http',
    code: 1,
    out: [/^hint {6}lines here end with LF alone.*--crlf/m],
  },
  { behaviour: 'explain reads such lines', args: 'explain --crlf typed.http', code: 0, out: [/passes/] },
  {
    behaviour: 'explain mounts an application',
    args: 'explain --script-name /admin/ --from 10.0.0.1 refused.http',
    code: 0,
    out: [/^ {2}SCRIPT_NAME=\/admin\n {2}PATH_INFO=\/x$/m],
  },
  {
    behaviour: 'explain reads recorded requests as their clients sent them',
    args: 'explain -P site.json requests.jsonl',
    code: 0,
    out: [
      /^request {3}GET \/admin\/ of shop\.example from 10\.0\.0\.1$/m,
      /^verdict {3}incomplete: the recording was cut/m,
      /^of all: 2 pass, 0 are refused, 1 are incomplete$/m,
    ],
  },
  {
    behaviour: 'explain reads one recorded request',
    args: 'explain -P site.json --record 2 --from 192.0.2.9 requests.jsonl',
    code: 1,
    out: [/^request {3}GET \/admin\/ of shop\.example from 192\.0\.2\.9$/m, /^recorded {2}line 2 at 2026-11-24T20/m],
  },
  {
    behaviour: 'explain warns of a recording that was cut off',
    args: 'explain crashed.jsonl',
    code: 0,
    err: [/^warning: crashed\.jsonl:2: this line is torn and skipped\n$/],
  },
  {
    behaviour: 'explain answers for a policy whose tests fail',
    args: 'explain -P failing.json pass.http',
    code: 0,
    err: [/^warning: a server would refuse this policy: 1 test in it did not pass\n$/],
  },
  {
    behaviour: 'explain refuses a broken recording',
    args: 'explain broken.jsonl',
    code: 2,
    err: [/broken\.jsonl:2: /],
  },
  {
    behaviour: 'explain refuses a record that is not there',
    args: 'explain --record 9 requests.jsonl',
    code: 2,
    err: [/line 9 has no request/],
  },
  {
    behaviour: 'explain refuses --record for a request',
    args: 'explain --record 1 pass.http',
    code: 2,
    err: [/--record/],
  },
  {
    behaviour: 'explain refuses an invalid policy',
    args: 'explain -P invalid.json pass.http',
    code: 2,
    err: [/requst/],
  },
  { behaviour: 'explain refuses no address', args: 'explain --from example.com pass.http', code: 2, err: [/--from: /] },
  {
    behaviour: 'explain refuses no mount',
    args: 'explain --script-name app/.. pass.http',
    code: 2,
    err: [/--script-name/],
  },
  { behaviour: 'explain refuses a file that is not there', args: 'explain nothing', code: 2, err: [/no such file/] },
  { behaviour: 'explain refuses a directory', args: 'explain .', code: 2, err: [/this is a directory/] },
  {
    behaviour: 'diff finds no difference',
    args: 'diff site.json same.yaml',
    code: 0,
    out: [/^the two are the same in effect\n$/],
  },
  {
    behaviour: 'diff tells what changes in effect',
    args: 'diff site.json stricter.json',
    code: 1,
    out: [
      /^\/request\/line\/maxBytes: 2KiB \(site\.json:4:7\) -> 1KiB \(stricter\.json:4:7\)$/m,
      /^\/rules\/host\.not-allowed: observe \(site\.json:\d+:\d+\) -> enforce \(default\)$/m,
    ],
  },
  {
    behaviour: 'diff tells which recorded requests change their verdict',
    args: 'diff site.json stricter.json --requests requests.jsonl',
    code: 1,
    out: [
      /^3 recorded requests, 1 verdict changed:\n {2}line 1: GET \/ from 192\.0\.2\.7\n {4}passes, host\.not-allowed observed -> 421 host\.not-allowed \(.*\)\n$/m,
    ],
  },
  {
    behaviour: 'diff tells of routes that came and went',
    args: 'diff doubtful.json site.json',
    code: 1,
    out: [/^\+ route \/admin\/\* \(site\.json:\d+:\d+\)\n {4}\/clients\/allow: empty .*-> 10\.0\.0\.0\/8/m],
  },
  { behaviour: 'diff refuses an invalid policy', args: 'diff site.json invalid.json', code: 2, err: [/requst/] },
  { behaviour: 'diff refuses a policy whose tests fail', args: 'diff failing.json default', code: 2, err: [/fails/] },
  {
    behaviour: 'diff refuses a request for a recording',
    args: 'diff site.json default --requests pass.http',
    code: 2,
    err: [/no recorded requests/],
  },
  { behaviour: 'schema prints the schema', args: 'schema', code: 0, out: [/"title": "Portcullis policy"/] },
  {
    behaviour: 'help tells of all commands',
    args: '--help',
    code: 0,
    out: [/check .*test .*explain .*diff .*schema/s],
  },
  { behaviour: 'each command has a help of its own', args: 'explain --help', code: 0, out: [/--script-name/] },
  {
    behaviour: 'no command is a mistake',
    args: '',
    code: 2,
    err: [/a command is missing: .*check\|test\|explain\|diff\|schema/],
  },
  { behaviour: 'another command is a mistake', args: 'chek site.json', code: 2, err: [/Did you mean check\?/] },
  {
    behaviour: 'no file is a mistake',
    args: 'check',
    code: 2,
    err: [/missing required argument.*policy check --help/],
  },
  { behaviour: 'an unknown flag is a mistake', args: 'check --jsn site.json', code: 2, err: [/Did you mean --json\?/] },
  {
    behaviour: 'a third policy is a mistake',
    args: 'diff default default default',
    code: 2,
    err: [/too many arguments/],
  },
];

describe('portcullis policy', () => {
  inFolderOfFiles();

  for (const { behaviour, args, stdin = '', code, out = [], err = [] } of cases) {
    it(behaviour, async () => {
      const said = await policy(args.split(' ').filter(Boolean), { stdin });
      assert.equal(said.code, code, said.stdout + said.stderr);
      for (const pattern of out) assert.match(said.stdout, pattern);
      for (const pattern of err) assert.match(said.stderr, pattern);
      if (err.length === 0) assert.equal(said.stderr, '');
      if (code === 2 && out.length === 0) assert.equal(said.stdout, '');
    });
  }

  it('check finds every shipped policy valid and beyond doubt', async () => {
    const { code, stdout } = await policy(['check', '--error-on-warnings', ...shippedNames()]);
    assert.equal(code, 0, stdout);
  });

  it('schema prints the file that is shipped', async () => {
    const { stdout } = await policy(['schema']);
    assert.equal(stdout, readFileSync(join(root, 'policies/policy.schema.json'), 'utf8'));
  });

  it('lets no client drive the terminal', async () => {
    for (const isTTY of [false, true]) {
      const { stdout } = await policy(['explain', '--no-color', 'terminal.http'], { isTTY });
      assert.match(stdout, /GET \/\\u001b\[31m/);
      assert.doesNotMatch(stdout, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    }
  });

  it('stays bounded whatever it is given', async () => {
    for (const name of ['binary.http', 'long.http', 'many.http']) {
      const { code, stdout } = await policy(['explain', name]);
      assert.equal(code, name === 'many.http' ? 0 : 1);
      assert.ok(stdout.length < 600_000, `${stdout.length} characters of ${name}`);
    }
    const { stdout } = await policy(['explain', 'many.http']);
    assert.match(stdout, /\nof all: 1000 pass, .*\n\d+ bytes behind the end of a connection are not read\n$/);
  });

  it('colours for a terminal alone, and only where nobody minds', async () => {
    const colours = /\x1b\[/;
    const args = ['check', 'site.json'];
    assert.match((await policy(args, { isTTY: true })).stdout, /valid/);
    assert.match((await policy(args, { isTTY: true })).stdout, colours);
    assert.match((await policy(args, { isTTY: true, environment: { NO_COLOR: '' } })).stdout, colours);
    assert.doesNotMatch((await policy(args)).stdout, colours);
    assert.doesNotMatch((await policy(args, { isTTY: true, environment: { NO_COLOR: '1' } })).stdout, colours);
    assert.doesNotMatch((await policy([...args, '--no-color'], { isTTY: true })).stdout, colours);
    assert.doesNotMatch((await policy([...args, '--json'], { isTTY: true })).stdout, colours);
  });
});

describe('the program', () => {
  const request = join(tmpdir(), `request-${process.pid}.http`);
  before(() => writeFileSync(request, get('/')));
  after(() => rmSync(request, { force: true }));

  it('runs policy commands with their exit status', async () => {
    const passes = await runProgram(['policy', 'explain', request]);
    assert.deepEqual([passes.code, passes.stderr], [0, '']);
    assert.match(passes.stdout, /^request {3}GET \/ of shop\.example/);
    const invalid = await runProgram(['policy', 'check', 'package.json']);
    assert.equal(invalid.code, 2);
    assert.match(invalid.stderr, /^package\.json:2:3: /);
    const differs = await runProgram(['policy', 'diff', 'default', 'policies/default.json']);
    assert.deepEqual([differs.code, differs.stdout], [0, 'the two are the same in effect\n']);
  });

  it('says nothing where its reader has gone', async () => {
    const command = `${process.execPath} --import ${import.meta.resolve('tsx')} src/cli.ts policy schema | head -c 1`;
    const shell = spawn('/bin/sh', ['-c', command], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [shell.stdout, shell.stderr]) stream.on('data', (text) => (said += text));
    await once(shell, 'close');
    assert.equal(said, '{');
  });

  it('colours on a real terminal', async () => {
    const command = `${process.execPath} --import ${import.meta.resolve('tsx')} src/cli.ts policy check default`;
    const script = `import pty, sys; sys.exit(pty.spawn(['/bin/sh', '-c', sys.argv[1]]))`;
    const env = { ...process.env, NO_COLOR: '' };
    const shell = spawn('/usr/bin/python3', ['-c', script, command], {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    shell.stdout.on('data', (text) => (said += text));
    await once(shell, 'close');
    assert.match(said, /default: \x1b\[32mvalid\x1b\[0m/);
  });
});

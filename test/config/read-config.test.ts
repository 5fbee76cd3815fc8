import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Config, ConfigError } from '../../src/config/config.ts';
import { readConfig } from '../../src/config/read-config.ts';
import { PolicyError } from '../../src/policy/mistake.ts';

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-test-'));
  for (const name of ['app.js', 'server.mjs', 'main.ts']) writeFileSync(join(folder, name), '');
  mkdirSync(join(folder, 'folder.js'));
  writeFileSync(join(folder, 'policy.json'), '{ "request": { "line": { "maxBytes": 2000 } } }');
  writeFileSync(join(folder, 'broken.json'), '{ "request": { "lime": { "maxBytes": 2000 } } }');
});
after(() => rmSync(folder, { recursive: true }));

async function read(line: string, environment: Readonly<Record<string, string>> = {}): Promise<Config> {
  const argv = line.split(' ').filter((word) => word !== '');
  const inFolder = argv.map((word) => word.replace(/^(policy|broken)\.json$/, join(folder, '$&')));
  const command = await readConfig(inFolder, { environment, workingDirectory: folder, version: '0' });
  assert.equal(command.type, 'run');
  return (command as { readonly config: Config }).config;
}

async function refusal(
  line: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<ConfigError | PolicyError> {
  try {
    await read(line, environment);
  } catch (error) {
    assert.ok(error instanceof ConfigError || error instanceof PolicyError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: `${line} was accepted` });
}

describe('configuration', () => {
  it('has the defaults of DESIGN', async () => {
    const { policy, ...config } = await read('app.js');
    assert.deepEqual(config, {
      app: { kind: 'javascript', path: join(folder, 'app.js'), name: null },
      workingDirectory: folder,
      environment: {},
      binds: [{ kind: 'tcp', host: '127.0.0.1', port: 8000 }],
      workerClass: 'node',
      threads: 1,
      python: null,
      workers: 1,
      edges: 1,
      workerConnections: 1000,
      scriptName: '',
      backlog: 2048,
      policyFile: null,
      watchPolicy: false,
      gracefulTimeoutMs: 30_000,
      logLevel: 'info',
      accessLog: null,
      errorLog: { file: '-', syslog: null, format: 'text' },
      rateLimitStore: null,
      record: null,
      admin: null,
      statsd: null,
      recycling: { maxRequests: 0, maxRequestsJitter: 0, maxMemoryBytes: 0, lifetimeMs: 0 },
      preload: false,
      reload: null,
      pidFile: null,
      daemon: false,
      processName: 'app.js',
      user: null,
      initGroups: false,
      workerUser: null,
      socketUmask: null,
      controlSocket: 'default',
      hooks: { module: null, master: {}, worker: {} },
      version: '0',
      checkOnly: false,
      warnings: [],
    });
    assert.equal(policy.timeouts.workerMs, 30_000);
    assert.equal(policy.keepAlive.idleMs, 5_000);
    assert.equal(policy.request.lineBytes, 4094);
    assert.ok(Object.isFrozen(await read('app.js')));
  });

  type Reading = {
    readonly behaviour: string;
    readonly line: string;
    readonly environment?: Readonly<Record<string, string>>;
    readonly value: (config: Config) => unknown;
    readonly expected: unknown;
  };
  const readings: readonly Reading[] = [
    { behaviour: 'reads a short flag', line: '-w 4 app.js', value: ({ workers }) => workers, expected: 4 },
    { behaviour: 'reads a flag after APP', line: 'app.js -w4', value: ({ workers }) => workers, expected: 4 },
    { behaviour: 'takes the last of a flag', line: '-w 4 -w 5 app.js', value: ({ workers }) => workers, expected: 5 },
    {
      behaviour: 'reads the name of the export',
      line: 'app.js:api',
      value: ({ app }) => 'name' in app && app.name,
      expected: 'api',
    },
    { behaviour: 'knows .mjs', line: 'server.mjs', value: ({ app }) => 'name' in app && app.name, expected: null },
    {
      behaviour: 'recycles workers',
      line: '--max-requests 1000 --max-requests-jitter 50 --max-memory 512MiB --worker-lifetime 3600 app.js',
      value: ({ recycling }) => recycling,
      expected: { maxRequests: 1000, maxRequestsJitter: 50, maxMemoryBytes: 512 * 1024 * 1024, lifetimeMs: 3_600_000 },
    },
    {
      behaviour: 'takes --max-memory 0 for no limit',
      line: '--max-memory 0 app.js',
      value: ({ recycling }) => recycling.maxMemoryBytes,
      expected: 0,
    },
    {
      behaviour: 'takes limits of workers that are off with the class inline',
      line: '-k inline --max-requests 0 app.js',
      value: ({ recycling }) => recycling.maxRequests,
      expected: 0,
    },
    {
      behaviour: 'looks at further files in the directory of --chdir',
      line: '--reload --reload-extra-file a.html --reload-extra-file /b --reload-engine inotify app.js',
      value: ({ reload, workingDirectory }) => reload?.extraFiles.map((file) => file.replace(workingDirectory, '.')),
      expected: ['./a.html', '/b'],
    },
    { behaviour: 'preloads', line: '--preload app.js', value: ({ preload }) => preload, expected: true },
    {
      behaviour: 'mounts',
      line: '--script-name /a/b/ app.js',
      value: ({ scriptName }) => scriptName,
      expected: '/a/b',
    },
    {
      behaviour: 'mounts where SCRIPT_NAME says, as Gunicorn does',
      line: 'app.js',
      environment: { SCRIPT_NAME: '/app' },
      value: ({ scriptName }) => scriptName,
      expected: '/app',
    },
    {
      behaviour: 'mounts at a path of UTF-8',
      line: '--script-name /ä app.js',
      value: ({ scriptName }) => scriptName,
      expected: '/Ã¤',
    },
    {
      behaviour: 'takes / for no mount',
      line: '--script-name / app.js',
      value: ({ scriptName }) => scriptName,
      expected: '',
    },
    {
      behaviour: 'records refused requests',
      line: '--record refused --record-max 16MiB --record-mask X-A,x-b --record-mask x-c --record-content 1KiB app.js',
      value: ({ record }) => ({ ...record, path: record?.path.endsWith('/refused') }),
      expected: { path: true, maxBytes: 16 * 1024 ** 2, maskedNames: ['x-a', 'x-b', 'x-c'], contentBytes: 1024 },
    },
    {
      behaviour: 'records as its variables say, 8 MiB and no content without more',
      line: 'app.js',
      environment: { PORTCULLIS_RECORD: '/refused', PORTCULLIS_RECORD_MASK: 'x-a,x-b' },
      value: ({ record }) => record,
      expected: { path: '/refused', maxBytes: 8 * 1024 ** 2, maskedNames: ['x-a', 'x-b'], contentBytes: 0 },
    },
    {
      behaviour: 'takes the store of rate limits from its variable',
      line: 'app.js',
      environment: { PORTCULLIS_RATE_LIMIT_STORE: 'redis://127.0.0.1' },
      value: ({ rateLimitStore }) => rateLimitStore?.endpoint,
      expected: { kind: 'tcp', host: '127.0.0.1', port: 6379, tls: false },
    },
    {
      behaviour: 'shares no rate limits without a store',
      line: 'app.js',
      value: ({ rateLimitStore }) => rateLimitStore,
      expected: null,
    },
    { behaviour: 'knows .ts', line: 'main.ts:x', value: ({ app }) => 'name' in app && app.name, expected: 'x' },
    {
      behaviour: 'counts inline workers as edges',
      line: '-k inline -w 2 app.js',
      value: ({ workerClass, workers, edges }) => [workerClass, workers, edges],
      expected: ['inline', 0, 2],
    },
    {
      behaviour: 'listens at every --bind',
      line: '-b :9000 --bind [::1]:80 -b unix:/run/x.sock -b fd://3 app.js',
      value: ({ binds }) => binds,
      expected: [
        { kind: 'tcp', host: '0.0.0.0', port: 9000 },
        { kind: 'tcp', host: '::1', port: 80 },
        { kind: 'unix', path: '/run/x.sock' },
        { kind: 'descriptor', descriptor: 3 },
      ],
    },
    {
      behaviour: 'listens on all addresses at PORT, as hosting platforms expect',
      line: 'app.js',
      environment: { PORT: '5000' },
      value: ({ binds }) => binds,
      expected: [{ kind: 'tcp', host: '0.0.0.0', port: 5000 }],
    },
    {
      behaviour: 'puts --bind before PORT',
      line: '-b localhost:1 app.js',
      environment: { PORT: '5000' },
      value: ({ binds }) => binds,
      expected: [{ kind: 'tcp', host: 'localhost', port: 1 }],
    },
    {
      behaviour: 'takes workers from WEB_CONCURRENCY',
      line: 'app.js',
      environment: { WEB_CONCURRENCY: '3' },
      value: ({ workers }) => workers,
      expected: 3,
    },
    {
      behaviour: 'puts its own variable before WEB_CONCURRENCY',
      line: 'app.js',
      environment: { WEB_CONCURRENCY: '3', PORTCULLIS_WORKERS: '7' },
      value: ({ workers }) => workers,
      expected: 7,
    },
    {
      behaviour: 'puts a flag before its variable, which then may even be wrong',
      line: '-w 2 app.js',
      environment: { PORTCULLIS_WORKERS: 'many' },
      value: ({ workers }) => workers,
      expected: 2,
    },
    {
      behaviour: 'takes an empty variable as not set',
      line: 'app.js',
      environment: { WEB_CONCURRENCY: '', PORT: '', PORTCULLIS_LOG_LEVEL: '' },
      value: ({ workers, logLevel, binds }) => [workers, logLevel, binds.length],
      expected: [1, 'info', 1],
    },
    {
      behaviour: 'reads several addresses from a variable',
      line: 'app.js',
      environment: { PORTCULLIS_BIND: ':1, :2' },
      value: ({ binds }) => binds.length,
      expected: 2,
    },
    {
      behaviour: 'reads levels in any case',
      line: '--log-level WARNING app.js',
      value: ({ logLevel }) => logLevel,
      expected: 'warning',
    },
    {
      behaviour: "has an access log in Gunicorn's format where it is asked for",
      line: '--access-logfile - app.js',
      value: ({ accessLog }) => accessLog,
      expected: { file: '-', syslog: null, format: '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"' },
    },
    {
      behaviour: 'takes the names of standard streams for them, and resolves the others',
      line: '--access-logfile /dev/stdout --log-file e.log --error-logformat json app.js',
      value: ({ accessLog, errorLog }) => [accessLog?.file, errorLog.file?.replace(/^.*\//, ''), errorLog.format],
      expected: ['-', 'e.log', 'json'],
    },
    {
      behaviour: 'sends both logs to syslog, where Gunicorn does',
      line: '--log-syslog app.js',
      value: ({ accessLog, errorLog }) => [accessLog?.file, accessLog?.syslog, errorLog.syslog?.address],
      expected: [
        null,
        { address: { kind: 'udp', host: 'localhost', port: 514 }, facility: 1, prefix: 'app' },
        { kind: 'udp', host: 'localhost', port: 514 },
      ],
    },
    {
      behaviour: 'keeps the access log out of syslog',
      line: '--log-syslog --disable-redirect-access-to-syslog app.js',
      value: ({ accessLog, errorLog }) => [accessLog, errorLog.syslog?.facility],
      expected: [null, 1],
    },
    ...[
      ['udp://', { kind: 'udp', host: 'localhost', port: 514 }],
      ['udp://h:1', { kind: 'udp', host: 'h', port: 1 }],
      ['tcp://[::1]', { kind: 'tcp', host: '::1', port: 514 }],
      ['unix:///dev/log', { kind: 'unix', path: '/dev/log', type: null }],
      ['unix:///dev/log#dgram', { kind: 'unix', path: '/dev/log', type: 'dgram' }],
      ['unix:///run/x#stream', { kind: 'unix', path: '/run/x', type: 'stream' }],
    ].map(([address, expected]) => ({
      behaviour: `reads ${address} as syslog's address`,
      line: `--log-syslog --log-syslog-to ${address} app.js`,
      value: ({ errorLog }: Config) => errorLog.syslog?.address,
      expected,
    })),
    {
      behaviour: 'takes a limit from the policy file',
      line: '-P policy.json app.js',
      value: ({ policy }) => policy.request.lineBytes,
      expected: 2000,
    },
    {
      behaviour: 'watches a policy file',
      line: '--watch-policy -P policy.json app.js',
      value: ({ watchPolicy, policyFile }) => [watchPolicy, policyFile],
      expected: [true, join(folder, 'policy.json')],
    },
    {
      behaviour: 'takes a switch from its variable',
      line: '-P policy.json app.js',
      environment: { PORTCULLIS_WATCH_POLICY: '1' },
      value: ({ watchPolicy }) => watchPolicy,
      expected: true,
    },
    {
      behaviour: 'takes a switch that is off from its variable',
      line: 'app.js',
      environment: { PORTCULLIS_WATCH_POLICY: '0' },
      value: ({ watchPolicy }) => watchPolicy,
      expected: false,
    },
    {
      behaviour: 'puts a flag before the policy file and says so in the origin',
      line: '-P policy.json --limit-request-line 1000 app.js',
      value: ({ policy, warnings }) => [policy.request.lineBytes, policy.origins['/request/line/maxBytes'], warnings],
      expected: [1000, 'flag --limit-request-line', []],
    },
    {
      behaviour: 'warns of a flag that loosens the policy file',
      line: '-P policy.json --limit-request-line 4000 app.js',
      value: ({ policy, warnings }) => [policy.request.lineBytes, warnings.length],
      expected: [4000, 1],
    },
    {
      behaviour: 'names the variable that set a limit',
      line: 'app.js',
      environment: { PORTCULLIS_LIMIT_REQUEST_LINE: '100' },
      value: ({ policy }) => policy.origins['/request/line/maxBytes'],
      expected: 'environment PORTCULLIS_LIMIT_REQUEST_LINE',
    },
    {
      behaviour: "reads Gunicorn's spelling of the field size",
      line: '--limit-request-field_size 100 app.js',
      value: ({ policy }) => policy.request.fieldBytes,
      expected: 100,
    },
    {
      behaviour: 'reads the other limits and timeouts',
      line: '--limit-request-fields 5 --limit-request-field-size 6 -t 7 --keep-alive 8 --graceful-timeout 9 app.js',
      value: ({ policy, gracefulTimeoutMs }) => [
        policy.request.fieldCount,
        policy.request.fieldBytes,
        policy.timeouts.workerMs,
        policy.keepAlive.idleMs,
        gracefulTimeoutMs,
      ],
      expected: [5, 6, 7000, 8000, 9000],
    },
    {
      behaviour: 'takes a timeout of 0 as none',
      line: '-t 0 app.js',
      value: ({ policy }) => policy.timeouts.workerMs,
      expected: 0,
    },
    {
      behaviour: 'warns of a limit that is switched off',
      line: '--limit-request-line 0 app.js',
      value: ({ policy, warnings }) => [policy.request.lineBytes, warnings.length],
      expected: [65536, 1],
    },
    {
      behaviour: 'passes on what only checks',
      line: '--check-config app.js',
      value: ({ checkOnly }) => checkOnly,
      expected: true,
    },
  ];
  for (const { behaviour, line, environment, value, expected } of readings) {
    it(behaviour, async () => assert.deepEqual(value(await read(line, environment)), expected));
  }

  const misspelt = [
    { words: ['--access-logformat', '%(hh)s'], message: /there is no %\(hh\)s\. Did you mean %\(h\)s\?/ },
    { words: ['--access-logformat', '%(user_agnet)s'], message: /Did you mean %\(user_agent\)s\?/ },
    { words: ['--access-logformat', '%(h)s %'], message: /a % that is neither %% nor/ },
    { words: ['--access-logformat', '%(r)d'], message: /%\(r\)d is no number/ },
    { words: ['--access-logformat', '%(h)s\n'], message: /no control character/ },
    { words: ['--access-logfile', '/nowhere/x'], message: /its folder does not exist/ },
    { words: ['--error-logfile', '/'], message: /it is a directory/ },
    { words: ['--error-logformat', 'xml'], message: /is not text or json/ },
    { words: ['--log-syslog-facility', 'locl0'], message: /Did you mean local0\?/ },
    { words: ['--log-syslog-to', 'http://x'], message: /is no address of syslog/ },
    { words: ['--log-syslog-to', 'udp://x:70000'], message: /is no address of syslog/ },
    { words: ['--log-syslog-prefix', 'a: b'], message: /is no name of a program/ },
  ];
  for (const { words, message } of misspelt) {
    it(`refuses ${words.join(' ')}`, async () => {
      const command = readConfig([...words, 'app.js'], { environment: {}, workingDirectory: folder, version: '0' });
      await assert.rejects(command, (error) => error instanceof ConfigError && message.test(error.message));
    });
  }

  const numbers = ['0', '-1', '+4', '4.0', '1e1', '0x4', '4_0', 'four', '99999', '4 ', '\u0664'];
  for (const text of numbers) {
    it(`refuses ${JSON.stringify(text)} workers`, async () => {
      const { message } = await refusal('app.js', { PORTCULLIS_WORKERS: text });
      assert.equal(
        message,
        `environment PORTCULLIS_WORKERS: ${JSON.stringify(text)} is not a whole number from 1 to 512.`,
      );
    });
  }

  const refusals: readonly {
    readonly line: string;
    readonly message: RegExp;
    readonly environment?: Readonly<Record<string, string>>;
  }[] = [
    ...['app', '//a', '/a//b', '/a/../b', '/.', '/a\\b', '/a\x00'].map((path) => ({
      line: `--script-name ${path} app.js`,
      message: /^flag --script-name: .* is not a path to mount at\./,
    })),
    { line: '', message: /^the application is missing/ },
    { line: 'app.js other.js', message: /too many arguments/ },
    { line: '--wrokers 2 app.js', message: /^unknown option '--wrokers'\. Did you mean --workers\?/ },
    { line: '--limit-request-fieldsize 2 app.js', message: /Did you mean --limit-request-field-size\?/ },
    { line: '--record no/refused app.js', message: /^flag --record: .*"no\/refused": its folder does not exist/ },
    { line: '--record folder.js app.js', message: /it is not a regular file/ },
    { line: '--record refused --record-max 1000 app.js', message: /"1000" is not a size from 1MiB to 1TiB/ },
    { line: '--record refused --record-content 1MiB app.js', message: /"1MiB" is not a size from .* to 64KiB/ },
    { line: '--record refused --record-mask a:b app.js', message: /"a:b" is no name of a field/ },
    { line: '--record refused --record-mask x,Host app.js', message: /host cannot be masked/ },
    { line: '--record-max 1MiB app.js', message: /^flag --record-max: nothing is recorded without --record/ },
    { line: '--zzz app.js', message: /^unknown option '--zzz'\. portcullis --help/ },
    { line: '--workers', message: /argument missing/ },
    { line: '--edges 65 app.js', message: /from 1 to 64/ },
    { line: '-k inline --edges 2 app.js', message: /^flag --edges: .* --workers says how many/ },
    { line: '-k inline -w 65 app.js', message: /at most 64/ },
    {
      line: '-k gthread app.js',
      message: /^flag --worker-class: .*gthread does not run JavaScript\..* node or inline/,
    },
    { line: '-k inline pkg.mod:app', message: /inline does not run Python\..* sync or gthread or gevent or eventlet/ },
    { line: '-k gunicorn.workers.geventlet.EventletWorker app.js', message: /eventlet does not run JavaScript/ },
    { line: '-k gthred pkg.mod:app', message: /Did you mean gthread\?/ },
    { line: '--pythonpath lib,,x pkg.mod', message: /--pythonpath: "lib,,x" is no list of directories/ },
    { line: '-k inlin app.js', message: /Did you mean inline\?/ },
    { line: '--limit-request-line 8191 app.js', message: /--limit-request-line: "8191" .* from 0 to 8190/ },
    { line: '--limit-request-fields 32769 app.js', message: /from 0 to 32768/ },
    { line: '--limit-request-field_size -1 app.js', message: /--limit-request-field-size: "-1"/ },
    { line: '--worker-connections 0 app.js', message: /from 1 to 65535/ },
    { line: '--backlog 0 app.js', message: /from 1 to 65535/ },
    { line: '-t 1000001 app.js', message: /seconds from 0 to 1000000/ },
    {
      line: '--watch-policy app.js',
      message: /^flag --watch-policy: there is no policy file to watch\. --policy names one/,
    },
    { line: 'app.js', environment: { PORTCULLIS_WATCH_POLICY: 'yes' }, message: /POLICY: "yes" is not 1 or 0/ },
    { line: '--rate-limit-store 127.0.0.1:6379 app.js', message: /^flag --rate-limit-store: this is no URL/ },
    { line: '--log-level loud app.js', message: /"loud" is not one of debug, info/ },
    { line: 'app.js:', message: /name of the export is missing/ },
    { line: '--worker-user nobody pkg.mod', message: /--worker-user: Python workers .* not in this version yet/ },
    { line: 'pkg.mod:', message: /callable is missing/ },
    { line: 'site/app.py', message: /Did you mean site\.app\?/ },
    { line: './site/app:application', message: /Did you mean site\.app:application\?/ },
    { line: 'my-app:app', message: /"my-app:app" is no application/ },
    { line: 'app', message: /Did you mean app\.js\?/ },
    { line: 'uwsgi://127.0.0.1', message: /is no uWSGI upstream: the port is a number from 1 to 65535/ },
    { line: '-P nowhere.json app.js', message: /nowhere\.json/ },
    { line: '-P broken.json app.js', message: /broken\.json:1:\d+: .*lime/ },
    { line: 'app.js', environment: { WEB_CONCURRENCY: '0' }, message: /^environment WEB_CONCURRENCY: "0"/ },
    { line: 'app.js', environment: { PORT: 'http' }, message: /^environment PORT: .*a port is a number/ },
  ];
  for (const { line, message, environment } of refusals) {
    it(`refuses ${JSON.stringify(line)}${environment === undefined ? '' : ` with ${JSON.stringify(environment)}`}`, async () => {
      const error = await refusal(line, environment);
      assert.match(error.message, message);
      assert.ok(error instanceof PolicyError || error.exitCode === 2);
      // A policy's mistake shows its line and a caret; no error shows where in our code it was found.
      assert.doesNotMatch(error.message, error instanceof PolicyError ? /^ {4}at /m : /\n/);
    });
  }

  const missing = [
    { line: 'ap.js', message: /there is no such file in .*Did you mean app\.js\?/ },
    { line: 'sever.mjs:app', message: /Did you mean server\.mjs\?/ },
    { line: 'quite-different.js', message: /there is no such file in [^?]*$/ },
    { line: 'nowhere/app.js', message: /there is no directory .*nowhere/ },
    { line: 'folder.js', message: /it is a directory/ },
  ];
  for (const { line, message } of missing) {
    it(`cannot load ${line}`, async () => {
      const error = await refusal(line);
      assert.match(error.message, message);
      assert.equal((error as ConfigError).exitCode, 4);
    });
  }

  for (const [flag, pattern] of [
    [
      '--help',
      /Usage: portcullis \[flags\] APP\n[\s\S]*\nListening:\n[\s\S]*--bind[\s\S]*\nProcesses:\n[\s\S]*--workers/,
    ],
    ['--version', /^portcullis 1\.2\.3\n$/],
  ] as const) {
    it(`prints for ${flag}`, async () => {
      const command = await readConfig([flag], { environment: {}, workingDirectory: folder, version: '1.2.3' });
      assert.equal(command.type, 'print');
      assert.match((command as { readonly text: string }).text, pattern);
    });
  }
});

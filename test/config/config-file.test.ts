import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { readConfigScript } from '../../src/config/config-script.ts';
import { ConfigFolder, type Environment } from './config-folder.ts';

type Reading = {
  readonly behaviour: string;
  readonly files: Readonly<Record<string, string>>;
  readonly line?: string;
  readonly environment?: Environment;
  readonly value: (config: Config) => unknown;
  readonly expected: unknown;
};

const readings: readonly Reading[] = [
  {
    behaviour: 'reads hooks of a module under both kinds of names, the settings beside them',
    files: {
      'portcullis.config.mjs':
        'export default { workers: 2, when_ready() {}, onExit: async () => {}, postFork() {}, pre_request() {} };',
    },
    value: ({ workers, hooks: { module, master, worker } }) => [
      workers,
      module?.split('/').at(-1),
      Object.keys(master),
      worker,
    ],
    expected: [
      2,
      'portcullis.config.mjs',
      ['when_ready', 'on_exit'],
      { post_fork: 'postFork', pre_request: 'pre_request' },
    ],
  },
  {
    behaviour: 'has a control socket where it is told',
    files: { 'portcullis.config.yaml': 'controlSocket: /run/a.ctl\n' },
    value: ({ controlSocket }) => controlSocket,
    expected: { path: '/run/a.ctl' },
  },
  {
    behaviour: 'has no control socket where it is told so, in our words and in those of Gunicorn',
    files: { 'portcullis.config.yaml': 'control_socket_disable: true\n' },
    value: ({ controlSocket }) => controlSocket,
    expected: 'off',
  },
  {
    behaviour: 'reads YAML of the working directory',
    files: { 'portcullis.config.yaml': 'workers: 3\nbind: [":1", "[::1]:2"]\n' },
    value: ({ workers, binds }) => [workers, binds.length],
    expected: [3, 2],
  },
  {
    behaviour: 'reads JSON with comments of the working directory',
    files: { 'portcullis.config.json': '{ "workers": 3, "bind": ":1,:2" } // two' },
    value: ({ workers, binds }) => [workers, binds.length],
    expected: [3, 2],
  },
  {
    behaviour: 'reads the default export of a module, evaluated',
    files: { 'portcullis.config.mjs': 'export default { workers: 1 + 2, logLevel: undefined };' },
    value: ({ workers, logLevel }) => [workers, logLevel],
    expected: [3, 'info'],
  },
  {
    behaviour: 'reads what -c names, wherever it is',
    files: { 'other.yml': 'workers: 4', 'portcullis.config.yaml': 'workers: 3' },
    line: '-c other.yml app.mjs',
    value: ({ workers }) => workers,
    expected: 4,
  },
  {
    behaviour: 'reads what PORTCULLIS_CONFIG names',
    files: { 'other.js': 'module.exports = { workers: 4 };' },
    environment: { PORTCULLIS_CONFIG: 'other.js' },
    value: ({ workers }) => workers,
    expected: 4,
  },
  {
    behaviour: "takes Gunicorn's names and our own",
    files: { 'portcullis.config.yaml': 'worker_class: inline\nworkers: 2\nloglevel: debug\ngracefulTimeout: 9\n' },
    value: ({ workerClass, edges, logLevel, gracefulTimeoutMs }) => [workerClass, edges, logLevel, gracefulTimeoutMs],
    expected: ['inline', 2, 'debug', 9000],
  },
  {
    behaviour: 'takes the application from the config where the command line has none',
    files: { 'portcullis.config.yaml': 'app: app.mjs:api\n' },
    line: '-w 2',
    value: ({ app }) => 'name' in app && app.name,
    expected: 'api',
  },
  {
    behaviour: 'puts the application of the command line first',
    files: { 'portcullis.config.yaml': 'wsgi_app: app.mjs:api\n' },
    line: 'app.mjs:mine',
    value: ({ app }) => 'name' in app && app.name,
    expected: 'mine',
  },
  {
    behaviour: 'puts a flag before its variable, GUNICORN_CMD_ARGS, the config file and WEB_CONCURRENCY',
    files: { 'portcullis.config.yaml': 'workers: 3' },
    line: '-w 6 app.mjs',
    environment: { PORTCULLIS_WORKERS: '5', GUNICORN_CMD_ARGS: '-w 4', WEB_CONCURRENCY: '2' },
    value: ({ workers }) => workers,
    expected: 6,
  },
  {
    behaviour: 'puts a variable before GUNICORN_CMD_ARGS',
    files: { 'portcullis.config.yaml': 'workers: 3' },
    environment: { PORTCULLIS_WORKERS: '5', GUNICORN_CMD_ARGS: '-w 4', WEB_CONCURRENCY: '2' },
    value: ({ workers }) => workers,
    expected: 5,
  },
  {
    behaviour: 'puts GUNICORN_CMD_ARGS before the config file',
    files: { 'portcullis.config.yaml': 'workers: 3' },
    environment: { GUNICORN_CMD_ARGS: '-w 4 ignored.mjs', WEB_CONCURRENCY: '2' },
    value: ({ workers }) => workers,
    expected: 4,
  },
  {
    behaviour: 'puts the config file before what hosting platforms set',
    files: { 'portcullis.config.yaml': 'workers: 3' },
    environment: { WEB_CONCURRENCY: '2' },
    value: ({ workers }) => workers,
    expected: 3,
  },
  {
    behaviour: 'puts the config file before the policy file, and says where in it a limit stands',
    files: {
      'portcullis.config.yaml': 'policy: site.json\nlimit_request_line: 100\n',
      'site.json': '{ "request": { "line": { "maxBytes": 200 }, "fields": { "maxCount": 7 } } }',
    },
    value: ({ policy }) => [
      policy.request.lineBytes,
      policy.request.fieldCount,
      policy.origins['/request/line/maxBytes']?.replace(/^.*\//, ''),
    ],
    expected: [100, 7, 'portcullis.config.yaml:2:1'],
  },
  {
    behaviour: 'says nothing of settings that state what Gunicorn does anyway',
    files: {
      'portcullis.config.yaml':
        'threads: 1\nerrorlog: "-"\nreload: false\nmax_requests: 0\nraw_paste_global_conf: []\n',
    },
    line: '--threads 1 --log-file - --no-control-socket app.mjs',
    value: ({ warnings }) => warnings,
    expected: [],
  },
  {
    behaviour: 'reads variables for the application; the nearest list wins',
    files: { 'portcullis.config.yaml': 'raw_env: ["A=1", "B=x=y"]' },
    value: ({ environment }) => environment,
    expected: { A: '1', B: 'x=y' },
  },
  {
    behaviour: 'takes variables for the application from flags',
    files: {},
    line: '-e A=1 --env B= app.mjs',
    environment: { PORTCULLIS_ENV: 'production' },
    value: ({ environment }) => environment,
    expected: { A: '1', B: '' },
  },
  {
    behaviour: 'splits GUNICORN_CMD_ARGS as a shell does',
    files: {},
    environment: { GUNICORN_CMD_ARGS: `--env 'A=b c' --env "D=\\"e" --bind=:1` },
    value: ({ environment, binds }) => [environment, binds.length],
    expected: [{ A: 'b c', D: '"e' }, 1],
  },
];

describe('a config file', () => {
  for (const { behaviour, files, line, environment, value, expected } of readings) {
    const folder = new ConfigFolder(files);
    it(behaviour, async () => assert.deepEqual(value(await folder.config(line, environment)), expected));
  }

  const modules = [
    { name: 'portcullis.config.mjs', text: (workers: number) => `export default { workers: ${workers} };` },
    { name: 'portcullis.config.json', text: (workers: number) => `{ "workers": ${workers} }` },
    { name: 'gunicorn.conf.py', text: (workers: number) => `workers = ${workers}\n` },
  ];
  for (const { name, text } of modules) {
    it(`is read anew by each reading: ${name}`, async () => {
      const folder = new ConfigFolder({ [name]: text(2) });
      assert.equal((await folder.config()).workers, 2);
      folder.write(name, text(3));
      assert.equal((await folder.config()).workers, 3);
    });
  }

  it('that is CommonJS is read anew too', async () => {
    const folder = new ConfigFolder({ 'c.cjs': 'module.exports = { workers: 2 };' });
    assert.equal((await folder.config('-c c.cjs app.mjs')).workers, 2);
    folder.write('c.cjs', 'module.exports = { workers: 3 };');
    assert.equal((await folder.config('-c c.cjs app.mjs')).workers, 3);
  });

  it('goes before gunicorn.conf.py, and a warning says so', async () => {
    const folder = new ConfigFolder({ 'portcullis.config.yaml': 'workers: 3', 'gunicorn.conf.py': 'workers = 4\n' });
    const { workers, warnings } = await folder.config();
    assert.equal(workers, 3);
    assert.deepEqual(warnings, ['gunicorn.conf.py is not read, because there is portcullis.config.yaml.']);
  });

  it('moves application, policy and Unix sockets with chdir, and this process not at all', async () => {
    const folder = new ConfigFolder();
    const other = new ConfigFolder({ 'site.json': '{ "queue": { "max": 5 } }' });
    folder.write(
      'portcullis.config.json',
      JSON.stringify({ chdir: other.path, policy: 'site.json', bind: 'unix:x.sock' }),
    );
    const before = process.cwd();
    const { app, workingDirectory, policy, binds } = await folder.config();
    assert.equal(workingDirectory, other.path);
    assert.deepEqual(app, { kind: 'javascript', path: `${other.path}/app.mjs`, name: null });
    assert.equal(policy.queue.max, 5);
    assert.deepEqual(binds, [{ kind: 'unix', path: `${other.path}/x.sock` }]);
    assert.equal(process.cwd(), before);
  });
});

describe('a config file that is a module', () => {
  const waits = {
    'for what nobody does': 'await new Promise(() => {});',
    'for too long': 'await new Promise((resolve) => setTimeout(resolve, 60_000).unref());',
  };
  for (const [how, line] of Object.entries(waits)) {
    it(`has a deadline, also where it waits ${how}`, async () => {
      const folder = new ConfigFolder({ 'c.mjs': `${line}\nexport default {};` });
      const reading = readConfigScript(join(folder.path, 'c.mjs'), 'c.mjs', 100);
      await assert.rejects(reading, /^ConfigError: c\.mjs: .* cannot be loaded: it did not finish within 0\.1 s$/);
    });
  }
});

type Refusal = {
  readonly behaviour: string;
  readonly files: Readonly<Record<string, string>>;
  readonly line?: string;
  readonly environment?: Environment;
  readonly messages: readonly RegExp[];
};

const refusals: readonly Refusal[] = [
  {
    behaviour: 'all mistakes at once, each with its place and a caret',
    files: {
      'portcullis.config.yaml':
        'wrokers: 3\nworkers: 0\nworker_class: nod\ntimeout:\nbind: [":1", true]\ncertfile: x\nkeepalive: 1\nkeepAlive: 2\n',
    },
    messages: [
      /^portcullis\.config\.yaml:1:1: \/wrokers: .*; did you mean "workers"\?\n {3}1 \| wrokers: 3\n {5}\| \^$/m,
      /^portcullis\.config\.yaml:2:10: \/workers: "0" is not a whole number from 1 to 512$/m,
      /^portcullis\.config\.yaml:3:15: \/worker_class: .* Did you mean node\?/m,
      /^portcullis\.config\.yaml:4:9: \/timeout: expected a string or a number, found nothing$/m,
      /^portcullis\.config\.yaml:5:7: \/bind: expected a string or a list .*, found \[":1", true\]$/m,
      /^portcullis\.config\.yaml:6:1: \/certfile: this is not in this version yet; until then TLS/m,
      /^portcullis\.config\.yaml:8:1: \/keepAlive: this is another name of keepalive$/m,
    ],
  },
  {
    behaviour: 'the address of a store, without its password',
    files: {
      'portcullis.config.yaml': 'rateLimitStore: redis://user:secret@host/database\nwrokers: "redis://:secret@host"\n',
    },
    messages: [
      /^portcullis\.config\.yaml:1:17: \/rateLimitStore: the path is not the number of a database; /m,
      / 1 \| rateLimitStore: redis:\/\/\*{11}@host\/database$/m,
      / 2 \| wrokers: "redis:\/\/\*{7}@host"$/m,
      /^(?!.*secret)/s,
    ],
  },
  {
    behaviour: 'a list of stores, without their passwords',
    files: { 'portcullis.config.json': '{ "rateLimitStore": ["redis://:secret@host"] }' },
    messages: [/found \["redis:\/\/\*{7}@host"\]$/m, /^(?!.*secret)/s],
  },
  {
    behaviour: 'a key that is there twice, once',
    files: { 'portcullis.config.json': '{ "workers": 1, "workers": 2 }' },
    messages: [/^portcullis\.config\.json:1:17: \/workers: expected each key once[^\n]*\n[^\n]*\n[^\n]*$/],
  },
  {
    behaviour: 'a file that is no object',
    files: { 'portcullis.config.json': '[1]' },
    messages: [/^portcullis\.config\.json:1:1: expected an object with settings/],
  },
  {
    behaviour: 'a config file that names a config file',
    files: { 'portcullis.config.json': '{ "config": "other.json" }' },
    messages: [/:1:3: \/config: this has no meaning here: it is asked for on the command line alone/],
  },
  {
    behaviour: 'broken syntax',
    files: { 'portcullis.config.json': '{ "workers": }' },
    messages: [/^portcullis\.config\.json:1:14: this is not JSON/],
  },
  {
    behaviour: 'two config files, by name',
    files: { 'portcullis.config.json': '{}', 'portcullis.config.mjs': '' },
    messages: [
      /^there are two config files, portcullis\.config\.json and portcullis\.config\.mjs\..* -c portcullis\.config\.json/,
    ],
  },
  {
    behaviour: 'a missing JSON file',
    files: {},
    line: '-c no.json app.mjs',
    messages: [/^no\.json: there is no such config file/],
  },
  {
    behaviour: 'a missing Python file',
    files: {},
    line: '-c no.py app.mjs',
    messages: [/^no\.py: there is no such config file/],
  },
  {
    behaviour: 'a module that exports no object',
    files: { 'portcullis.config.mjs': 'export const workers = 3;' },
    messages: [/expected an object with settings as the default export, found nothing/],
  },
  {
    behaviour: 'a module that throws, with its place',
    files: { 'portcullis.config.mjs': 'export default {\n  bind: nowhere };' },
    messages: [/cannot be loaded: nowhere is not defined \(at file:.*portcullis\.config\.mjs:2:\d+\)/],
  },
  {
    behaviour: 'all mistakes of a module at once',
    files: {
      'portcullis.config.mjs':
        'export default { workers: "x", wrokers: 1, bind: () => 1, when_ready: 1, whenReady() {}, preload_app: 2, spew: true };',
    },
    messages: [
      /^portcullis\.config\.mjs: workers: "x" is not a whole number/m,
      /^portcullis\.config\.mjs: wrokers: expected the name of a setting, found "wrokers"; did you mean "workers"\?$/m,
      /^portcullis\.config\.mjs: bind: expected .*, found a function/m,
      /^portcullis\.config\.mjs: when_ready: expected a function, found 1$/m,
      /^portcullis\.config\.mjs: whenReady: this is another name of when_ready$/m,
      /^portcullis\.config\.mjs: preload_app: "2" is not 1 or 0/m,
      /^portcullis\.config\.mjs: spew: this is not in this version yet$/m,
    ],
  },
  {
    behaviour: 'a hook in a file that can have no functions',
    files: { 'portcullis.config.yaml': 'workers: 2\nwhen_ready: log\n' },
    messages: [/^portcullis\.config\.yaml:2:1: \/when_ready: a hook is a function, and only .* is a module/],
  },
  {
    behaviour: 'a misspelt hook',
    files: { 'portcullis.config.mjs': 'export default { whenRaedy() {} };' },
    messages: [/found "whenRaedy"; did you mean "whenReady"\?$/],
  },
  {
    behaviour: 'a wrong flag in GUNICORN_CMD_ARGS',
    files: {},
    environment: { GUNICORN_CMD_ARGS: '--wrokers 3' },
    messages: [/^environment GUNICORN_CMD_ARGS: unknown option '--wrokers'\. Did you mean --workers/],
  },
  {
    behaviour: 'a wrong value in GUNICORN_CMD_ARGS',
    files: {},
    environment: { GUNICORN_CMD_ARGS: '-w x' },
    messages: [/^environment GUNICORN_CMD_ARGS: flag --workers: "x" is not/],
  },
  {
    behaviour: 'an open quote in GUNICORN_CMD_ARGS',
    files: {},
    environment: { GUNICORN_CMD_ARGS: "-w '3" },
    messages: [/^environment GUNICORN_CMD_ARGS: .* has a quote or backslash without its end/],
  },
  {
    behaviour: 'a variable without a value',
    files: {},
    line: '-e A app.mjs',
    messages: [/^flag --env: "A" is not KEY=value/],
  },
  {
    behaviour: 'a working directory that is not there',
    files: {},
    line: '--chdir no/where app.mjs',
    messages: [/^flag --chdir: there is no directory "no\/where"/],
  },
];

/** What a module does, and what the message says of it. */
const modules = [
  {
    source: 'throw Object.create(null)',
    message: /^a\.mjs: this config file cannot be loaded: \[Object: null prototype\] \{\}/,
  },
  {
    source: 'export default { get workers() { throw Object.create(null); } }',
    message: /cannot be loaded: \[Object: null/,
  },
  {
    source: "export default new Proxy({}, { ownKeys() { throw new Error('no keys'); } })",
    message: /cannot be loaded: no keys/,
  },
  {
    source: "export default { bind: new Proxy([], { get() { throw new Error('no'); } }) }",
    message: /cannot be loaded: no/,
  },
  {
    source: 'await new Promise(() => {}); export default {}',
    message: /cannot be loaded: it did not finish within 0\.3 s/,
  },
];

describe('a config file that is a module', () => {
  for (const { source, message } of modules) {
    it(`is refused for ${source}`, async () => {
      const folder = new ConfigFolder({ 'a.mjs': source });
      await assert.rejects(readConfigScript(join(folder.path, 'a.mjs'), 'a.mjs', 300), {
        name: 'ConfigError',
        message,
      });
    });
  }
});

describe('a config refuses', () => {
  for (const { behaviour, files, line, environment, messages } of refusals) {
    const folder = new ConfigFolder(files);
    it(behaviour, async () => {
      const message = await folder.refusal(line, environment);
      for (const expected of messages) assert.match(message, expected);
    });
  }
});

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { runPythonConfig } from '../../src/config/run-python-config.ts';
import { ConfigFolder } from './config-folder.ts';

/** Lines that tutorials, Dockerfiles and documentation of frameworks have. */
const readings: readonly {
  readonly source: string;
  readonly line?: string;
  readonly value: (config: Config) => unknown;
  readonly expected: unknown;
}[] = [
  {
    source: 'import multiprocessing\n\nworkers = multiprocessing.cpu_count() * 2 + 1\n',
    value: ({ workers, warnings }) => [workers, warnings],
    expected: [cpus().length * 2 + 1, []],
  },
  {
    source: 'bind = "0.0.0.0:8000"',
    value: ({ binds }) => binds,
    expected: [{ kind: 'tcp', host: '0.0.0.0', port: 8000 }],
  },
  {
    source: "bind = ['127.0.0.1:8000', 'unix:/tmp/x.sock']",
    value: ({ binds }) => binds.map(({ kind }) => kind),
    expected: ['tcp', 'unix'],
  },
  {
    source: 'bind = ":" + __import__("os").environ.get("PORT", "9000")',
    value: ({ binds }) => binds,
    expected: [{ kind: 'tcp', host: '0.0.0.0', port: 9000 }],
  },
  { source: 'timeout = 120', value: ({ policy }) => policy.timeouts.workerMs, expected: 120_000 },
  { source: 'keepalive = 5', value: ({ policy }) => policy.keepAlive.idleMs, expected: 5000 },
  { source: 'graceful_timeout = 60', value: ({ gracefulTimeoutMs }) => gracefulTimeoutMs, expected: 60_000 },
  { source: 'loglevel = "DEBUG"', value: ({ logLevel }) => logLevel, expected: 'debug' },
  {
    source:
      'accesslog = "-"\naccess_log_format = "%(h)s"\nsyslog = True\nsyslog_addr = "tcp://[::1]:601"\nsyslog_facility = "local0"',
    value: ({ accessLog }) => accessLog,
    expected: {
      file: '-',
      format: '%(h)s',
      syslog: { address: { kind: 'tcp', host: '::1', port: 601 }, facility: 16, prefix: 'app' },
    },
  },
  { source: 'errorlog = "-"\naccesslog = None', value: ({ warnings }) => warnings, expected: [] },
  {
    source: 'raw_env = ["DJANGO_SETTINGS_MODULE=a.b"]',
    value: ({ environment }) => environment,
    expected: { DJANGO_SETTINGS_MODULE: 'a.b' },
  },
  { source: 'wsgi_app = "app.mjs:api"', line: '-w 2', value: ({ app }) => 'name' in app && app.name, expected: 'api' },
  { source: 'raw_env = []', value: ({ environment }) => environment, expected: {} },
  { source: 'workers = "3"', value: ({ workers }) => workers, expected: 3 },
  { source: 'workers = 3', line: '-w 4 app.mjs', value: ({ workers }) => workers, expected: 4 },
  {
    source:
      'preload_app = False\nproxy_protocol = "off"\nforwarded_allow_ips = "127.0.0.1,::1"\nworker_connections = 500',
    value: ({ workerConnections, warnings }) => [workerConnections, warnings],
    expected: [500, []],
  },
  {
    source: 'timeout = 0.5 and 60\n\nlimit_request_line = 100',
    value: ({ policy }) => [policy.origins['/timeouts/worker'], policy.origins['/request/line/maxBytes']],
    expected: ['gunicorn.conf.py:1', 'gunicorn.conf.py:3'],
  },
  {
    source: 'print("{}")\nimport sys\nsys.stdout.write("not the answer")\nworkers = 2',
    value: ({ workers }) => workers,
    expected: 2,
  },
  {
    source: 'import threading\nthreading.Thread(target=threading.Event().wait).start()\nworkers = 2',
    value: ({ workers }) => workers,
    expected: 2,
  },
  {
    source:
      'import os\nfolder = os.path.dirname(__file__)\nworkers = 2 if folder == os.getcwd() and __name__ == "__config__" else 3',
    value: ({ workers }) => workers,
    expected: 2,
  },
  {
    source: 'import os, sys\nworkers = 2 if sys.path[0] == os.getcwd() else 3',
    value: ({ workers }) => workers,
    expected: 2,
  },
  {
    source: 'reuse_port = True\nforwarded_allow_ips = "*"\nworker_tmp_dir = "/dev/shm"\nworkers = 2',
    value: ({ workers, warnings }) => [workers, warnings],
    expected: [
      2,
      [
        'gunicorn.conf.py:1: reuse_port: accepted, has no effect here: all edges accept from one listener, so that a restart drops nobody; --edges says how many.',
        'gunicorn.conf.py:2: forwarded_allow_ips: accepted, has no effect here: nobody is trusted by it, and forwarding fields are removed; the policy names trusted proxies, /clients/trustedProxies.',
        'gunicorn.conf.py:3: worker_tmp_dir: accepted, has no effect here: workers send no heartbeat through files; the private directory is in XDG_RUNTIME_DIR or TMPDIR.',
      ],
    ],
  },
  {
    source: '\ndef when_ready(server):\n    server.log.info("ready")\n',
    value: ({ warnings, hooks }) => [warnings, hooks.module],
    expected: [
      [
        'gunicorn.conf.py:2: when_ready: this hook does not run, because no Python runs in the master; a function of that name in a portcullis.config.mjs does (docs/hooks.md).',
      ],
      null,
    ],
  },
  {
    source: 'threads = 4',
    value: ({ warnings }) => warnings,
    expected: [
      'gunicorn.conf.py:1: a JavaScript application has one thread in each worker; --workers is how to run more at once.',
    ],
  },
  {
    source:
      'debug = True\nenv = 1\nmax_request = 5\n_private = 1\nCONSTANT = 2\nimport os\ndef helper(): pass\nclass thing: pass\n',
    value: ({ warnings }) => warnings,
    expected: [
      'gunicorn.conf.py sets what is no setting of Gunicorn and has no effect: debug, env, max_request (did you mean max_requests?)',
    ],
  },
];

const refusals: readonly { readonly source: string; readonly messages: readonly RegExp[] }[] = [
  {
    source: 'import os\ndef connect():\n    raise ValueError("no database")\nconnect()',
    messages: [
      /^gunicorn\.conf\.py: Python could not evaluate/,
      /gunicorn\.conf\.py", line 3, in connect\n[\s\S]*ValueError: no database$/,
    ],
  },
  { source: 'workers = (', messages: [/File "gunicorn\.conf\.py", line 1/, /SyntaxError/] },
  {
    source: 'import nowhere',
    messages: [/line 1, in <module>\n[\s\S]*ModuleNotFoundError: No module named 'nowhere'$/],
  },
  { source: 'import sys\nsys.exit(3)', messages: [/SystemExit: 3$/] },
  { source: 'import os\nos.write(3, b"null\\n")', messages: [/something else than our script wrote to descriptor 3/] },
  { source: 'import os\nos.write(3, b"hello\\n")', messages: [/something else than our script wrote to descriptor 3/] },
  { source: 'import os\nos._exit(7)', messages: [/Python ended with status 7 and no answer/] },
  { source: 'import os\nos.kill(os.getpid(), 9)', messages: [/Python ended with SIGKILL and no answer/] },
  {
    source: 'workers = 4.5\nbind = b"x"\nworker_class = "tornado"\ntimeout = True\nworkers = 0',
    messages: [
      /^gunicorn\.conf\.py:5: workers: "0" is not a whole number from 1 to 512$/m,
      /^gunicorn\.conf\.py:2: bind: expected a string or a list of strings, found a Python bytes$/m,
      /^gunicorn\.conf\.py:3: worker_class: there is no worker class "tornado"/m,
      /^gunicorn\.conf\.py:4: timeout: expected a string or a number, found true$/m,
    ],
  },
  {
    source: 'logger_class = type("Logger", (), {})\nspew = True\nheader_map = "dangerous"\nkeyfile = "k"',
    messages: [
      /^gunicorn\.conf\.py:1: logger_class: this has no meaning here/m,
      /^gunicorn\.conf\.py:2: spew: this is not in this version yet$/m,
      /^gunicorn\.conf\.py:3: header_map: this has no meaning here: the policy says/m,
      /^gunicorn\.conf\.py:4: keyfile: this is not in this version yet; until then/m,
    ],
  },
  {
    source: 'def post_fork(server, worker):\n    pass\n',
    messages: [
      /^gunicorn\.conf\.py:1: post_fork: this hook is for Python workers, and app\.mjs is a JavaScript application/,
    ],
  },
];

describe("a config file of Gunicorn's", () => {
  for (const { source, line, value, expected } of readings) {
    const folder = new ConfigFolder({ 'gunicorn.conf.py': source });
    it(`says ${JSON.stringify(source)}`, async () => assert.deepEqual(value(await folder.config(line)), expected));
  }

  for (const { source, messages } of refusals) {
    const folder = new ConfigFolder({ 'gunicorn.conf.py': source });
    it(`is refused for ${JSON.stringify(source)}`, async () => {
      const message = await folder.refusal();
      for (const expected of messages) assert.match(message, expected);
      assert.doesNotMatch(message, /read-gunicorn-config|frozen/);
    });
  }

  const locations = ['-c conf/site.py', '-c file:conf/site.py', '-c conf/site.conf', '-c python:conf.site'];
  for (const flag of locations) {
    it(`is found with ${flag}`, async () => {
      const folder = new ConfigFolder();
      mkdirSync(join(folder.path, 'conf'));
      for (const name of ['site.py', 'site.conf']) writeFileSync(join(folder.path, 'conf', name), 'workers = 7\n');
      assert.equal((await folder.config(`${flag} app.mjs`)).workers, 7);
    });
  }

  it('is evaluated in the environment of the server, by the active virtual environment first', async () => {
    const folder = new ConfigFolder({ 'gunicorn.conf.py': '' });
    mkdirSync(join(folder.path, 'env/bin'), { recursive: true });
    const answer = JSON.stringify({ settings: [{ name: 'workers', line: 1, value: 6 }], others: [] });
    writeFileSync(join(folder.path, 'env/bin/python'), `#!/bin/sh\necho '${answer}' >&3\n`, { mode: 0o755 });
    assert.equal((await folder.config('app.mjs', { VIRTUAL_ENV: join(folder.path, 'env') })).workers, 6);
  });

  it('needs a Python, and the message says what else would do', async () => {
    const folder = new ConfigFolder({ 'gunicorn.conf.py': '' });
    const message = await folder.refusal('app.mjs', { PATH: folder.path });
    assert.match(message, /^gunicorn\.conf\.py: .*there is no python3 to evaluate it\..*portcullis\.config\.yaml/);
  });

  it('has a deadline', async () => {
    const folder = new ConfigFolder({ 'gunicorn.conf.py': 'while True: pass' });
    const code = {
      kind: 'python-file',
      path: join(folder.path, 'gunicorn.conf.py'),
      shown: 'gunicorn.conf.py',
    } as const;
    const surroundings = { environment: process.env, workingDirectory: folder.path, deadlineMs: 300 };
    await assert.rejects(runPythonConfig(code, surroundings), /Python did not finish within 0\.3 s/);
  });
});

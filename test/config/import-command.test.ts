import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runImport } from '../../src/config/import-command.ts';
import { ConfigFolder } from './config-folder.ts';

function runIn(folder: ConfigFolder, ...argv: readonly string[]) {
  return runImport(argv, { environment: process.env, workingDirectory: folder.path, version: '0' });
}

const source = `import multiprocessing
wsgi_app = "app.mjs"
bind = ['127.0.0.1:8000', 'unix:/tmp/x.sock']
workers = 2 + 1
worker_class = "tornado"
threads = 4
timeout = 120
keepalive = 0
limit_request_line = 0
limit_request_fields = 50
limit_request_field_size = 4000
errorlog = "-"
accesslog = "-"
loglevel = "warning"
raw_env = ["A=b: #c\\u2028"]
debug = True

def on_starting(server):
    pass

def post_fork(server, worker):
    pass
`;

describe('portcullis import', () => {
  it('writes a config and a policy that say the same when they are loaded', async () => {
    const folder = new ConfigFolder({ 'gunicorn.conf.py': source });
    const { out, complaints } = await runIn(folder, 'gunicorn.conf.py');
    assert.equal(out, 'Wrote portcullis.config.yaml and policy.yaml.\n');
    const { policy, ...config } = await folder.config('');
    assert.deepEqual(config.app, { kind: 'javascript', path: join(folder.path, 'app.mjs'), name: null });
    assert.equal(config.binds.length, 2);
    assert.equal(config.accessLog?.file, '-');
    assert.deepEqual([config.workers, config.logLevel, config.environment], [3, 'warning', { A: 'b: #c\u2028' }]);
    assert.deepEqual(
      [policy.timeouts.workerMs, policy.request.fieldCount, policy.request.fieldBytes, policy.request.lineBytes],
      [120_000, 50, 4000, 65_536],
    );
    assert.equal(policy.keepAlive.maxRequests, 1);
    assert.match(policy.origins['/timeouts/worker'] ?? '', /policy\.yaml:4:\d+$/);
    const lines = complaints.trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => line.trim().split(': ').slice(0, 2).join(' ')),
      [
        'Not carried over:',
        'gunicorn.conf.py:5 worker_class',
        'gunicorn.conf.py:21 post_fork',
        'gunicorn.conf.py:18 on_starting',
        'gunicorn.conf.py sets what is no setting of Gunicorn and has no effect debug',
      ],
    );
  });

  it('says in comments where a value came from', async () => {
    const folder = new ConfigFolder({ 'gunicorn.conf.py': source });
    await runIn(folder, 'gunicorn.conf.py', '--config', 'c.yaml', '--policy', 'p.yml');
    assert.match(
      readFileSync(join(folder.path, 'c.yaml'), 'utf8'),
      /^policy: "p\.yml"$[\s\S]*^workers: 3 # gunicorn\.conf\.py:4$/m,
    );
    assert.match(
      readFileSync(join(folder.path, 'p.yml'), 'utf8'),
      /^extends: default$[\s\S]*^ {4}maxCount: 50 # gunicorn\.conf\.py:10$/m,
    );
  });

  it('points to the policy from another working directory too', async () => {
    const folder = new ConfigFolder({ 'gunicorn.conf.py': 'import os\nchdir = os.path.abspath("sub")\ntimeout = 7\n' });
    mkdirSync(join(folder.path, 'sub'));
    await runIn(folder, 'gunicorn.conf.py');
    assert.equal((await folder.config(`${folder.path}/app.mjs`)).policy.timeouts.workerMs, 7000);
  });

  it('leaves policy values that are not given to the policy that is extended', async () => {
    const folder = new ConfigFolder({ 'gunicorn.conf.py': '' });
    const { complaints } = await runIn(folder, 'gunicorn.conf.py');
    assert.equal(complaints, '');
    assert.equal((await folder.config()).policy.name, 'policy');
  });

  for (const name of ['portcullis.config.yaml', 'policy.yaml']) {
    it(`overwrites no ${name}, and then writes nothing`, async () => {
      const folder = new ConfigFolder({ 'gunicorn.conf.py': source, [name]: 'mine' });
      await assert.rejects(runIn(folder, 'gunicorn.conf.py'), /is there already, and nothing is overwritten/);
      assert.equal(readFileSync(join(folder.path, name), 'utf8'), 'mine');
      const other = name === 'policy.yaml' ? 'portcullis.config.yaml' : 'policy.yaml';
      assert.ok(!existsSync(join(folder.path, other)));
    });
  }

  const refusals = [
    { argv: [], message: /missing required argument 'file'/ },
    { argv: ['no.py'], message: /there is no file no\.py/ },
    { argv: ['site.yaml'], message: /no config file of Gunicorn's/ },
    {
      argv: ['gunicorn.conf.py', '--polic', 'x.yaml'],
      message: /unknown option '--polic'\. Did you mean --policy\? portcullis import --help lists the flags\.$/,
    },
    { argv: ['gunicorn.conf.py', '--policy', 'x.json'], message: /does not end in \.yaml/ },
    { argv: ['gunicorn.conf.py', '--policy', 'x.yaml', '--config', './x.yaml'], message: /name the same file/ },
    { argv: ['gunicorn.conf.py', '--policy', 'no/x.yaml'], message: /no\/x\.yaml cannot be written: ENOENT/ },
  ];
  for (const { argv, message } of refusals) {
    const folder = new ConfigFolder({ 'gunicorn.conf.py': '' });
    it(`refuses ${JSON.stringify(argv)}`, () => assert.rejects(runIn(folder, ...argv), message));
  }

  it('has a help of its own', async () => {
    assert.match((await runIn(new ConfigFolder(), '--help')).out, /^Usage: portcullis import/);
  });
});

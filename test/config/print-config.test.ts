import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadPolicy } from '../../src/policy/load.ts';
import { valueText } from '../../src/policy/value-text.ts';
import { ConfigFolder } from './config-folder.ts';

const row = (name: string, value: string, origin: string): RegExp =>
  new RegExp(`^${[name, value, origin].map((text) => text.replace(/[.*?()[\]/|]/g, '\\$&')).join(' {2,}')}$`, 'm');

describe('--print-config', () => {
  it('says where each value came from, from every source at once', async () => {
    const folder = new ConfigFolder({
      'gunicorn.conf.py':
        'workers = 9\ntimeout = 60\nbind = ["[::1]:1", "unix:/run/x"]\nraw_env = ["PASSWORD=secret"]\ndebug = True\n',
      'site.json': '{\n"keepAlive": { "idle": "15s" } }',
    });
    const text = await folder.printed(`--print-config --edges 2 -P ${folder.path}/site.json`, {
      PORTCULLIS_BACKLOG: '7',
      GUNICORN_CMD_ARGS: '--worker-connections 8',
      WEB_CONCURRENCY: '2',
      SCRIPT_NAME: '/app',
      PORTCULLIS_RATE_LIMIT_STORE: 'rediss://me:secret@[::1]/3',
    });
    for (const expected of [
      row('app', '-', 'not given'),
      row('config', 'gunicorn.conf.py', 'working directory'),
      row('workers', '9', 'gunicorn.conf.py:1'),
      row('timeout', '1m', 'gunicorn.conf.py:2'),
      row('bind', '[::1]:1,unix:/run/x', 'gunicorn.conf.py:3'),
      row('env', 'PASSWORD=...', 'gunicorn.conf.py:4'),
      row('edges', '2', 'flag --edges'),
      row('backlog', '7', 'environment PORTCULLIS_BACKLOG'),
      row('workerConnections', '8', 'environment GUNICORN_CMD_ARGS'),
      row('scriptName', '/app', 'environment SCRIPT_NAME'),
      row('rateLimitStore', 'rediss://me@[::1]:6379/3', 'environment PORTCULLIS_RATE_LIMIT_STORE'),
      row('logLevel', 'info', 'default'),
      row('/timeouts/worker', '1m', 'gunicorn.conf.py:2'),
      row('/keepAlive/idle', '15s', `${folder.path}/site.json:2:16`),
      row('/request/line/maxBytes', '4094 bytes', 'default'),
      /^warning: gunicorn\.conf\.py sets what is no setting of Gunicorn and has no effect: debug$/m,
    ]) {
      assert.match(text, expected);
    }
    assert.doesNotMatch(text, /secret/);
  });

  it('names what stands for no application, no file and no deadline', async () => {
    const text = await new ConfigFolder().printed('--print-config -t 0 app.mjs');
    assert.match(text, row('app', 'app.mjs', 'argument'));
    assert.match(text, row('config', '-', 'default'));
    assert.match(text, row('/timeouts/worker', 'no deadline', 'flag --timeout'));
  });

  it('knows the value behind every pointer of a policy', () => {
    const policy = loadPolicy(null);
    const unknown = Object.keys(policy.origins).filter((pointer) => valueText(policy, pointer) === 'undefined');
    assert.deepEqual(unknown, []);
  });
});

// An application whose module is in a virtual environment alone, found in each way that people start it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Program, runProgram, startProgram } from '../support/program.ts';
import { exchangeRaw } from '../support/raw-client.ts';
import { Supervisor } from '../support/supervisor.ts';
import { systemPython } from './wsgi-server.ts';

const application = `import sys
import only_in_the_environment


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["\\n".join([only_in_the_environment.NAME, sys.prefix, sys.executable]).encode()]
`;

/** A site with its environment, both as a deployment makes them. */
class Site {
  readonly folder: string;
  readonly environment: string;

  constructor(environment: string) {
    this.folder = mkdtempSync(join(tmpdir(), 'site-'));
    this.environment = join(this.folder, environment);
    writeFileSync(join(this.folder, 'site_app.py'), application);
    // Without pip nothing is asked from anywhere.
    execFileSync(systemPython, ['-m', 'venv', '--without-pip', this.environment]);
    const [version = ''] = readdirSync(join(this.environment, 'lib'));
    const packages = join(this.environment, 'lib', version, 'site-packages');
    mkdirSync(packages, { recursive: true });
    writeFileSync(join(packages, 'only_in_the_environment.py'), `NAME = ${JSON.stringify(environment)}\n`);
  }

  /** What the application says when it runs in the environment. */
  get says(): RegExp {
    const name = this.environment.slice(this.folder.length + 1);
    return new RegExp(`\\r\\n\\r\\n${name}\\n${this.environment}\\n${this.environment}/bin/python3?$`);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

const words = ['-b', '127.0.0.1:0', '--no-control-socket'];
const request = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

async function says(program: Program): Promise<string> {
  return exchangeRaw(await program.port(), request);
}

const ways: readonly {
  readonly way: string;
  readonly environment: string;
  readonly start: (site: Site) => Program;
}[] = [
  {
    way: 'it is active (VIRTUAL_ENV)',
    environment: 'environments/site',
    start: ({ folder, environment }) =>
      startProgram([...words, 'site_app:app'], { cwd: folder, env: { VIRTUAL_ENV: environment } }),
  },
  {
    way: 'it is .venv in the working directory',
    environment: '.venv',
    start: ({ folder }) => startProgram([...words, 'site_app:app'], { cwd: folder }),
  },
  {
    way: 'it is .venv in the directory of --chdir',
    environment: '.venv',
    start: ({ folder }) => startProgram([...words, '--chdir', folder, 'site_app:app'], { cwd: tmpdir() }),
  },
  {
    way: '--python names its folder',
    environment: 'python',
    start: ({ folder, environment }) =>
      startProgram([...words, '--python', environment, 'site_app:app'], { cwd: folder }),
  },
  {
    way: '--python names its interpreter',
    environment: 'python',
    start: ({ folder }) => startProgram([...words, '--python', 'python/bin/python3', 'site_app:app'], { cwd: folder }),
  },
  {
    way: '--python names it and another one is active',
    environment: 'python',
    start: ({ folder }) =>
      startProgram([...words, '--python', 'python', 'site_app:app'], { cwd: folder, env: { VIRTUAL_ENV: '/nowhere' } }),
  },
];

describe('a module of a virtual environment', () => {
  for (const { way, environment, start } of ways) {
    it(`is imported where ${way}`, async () => {
      const site = new Site(environment);
      const program = start(site);
      try {
        assert.match(await says(program), site.says);
      } finally {
        await program.stop();
        site.remove();
      }
    });
  }

  it('is missed with another Python, which the message names', async () => {
    const site = new Site('python');
    try {
      const { code, stderr } = await runProgram([...words, '--python', systemPython, 'site_app:app'], {
        cwd: site.folder,
      });
      assert.equal(code, 4, stderr);
      assert.match(stderr, /No module named 'only_in_the_environment'/);
      assert.match(stderr, /\/usr\/bin\/python3/);
    } finally {
      site.remove();
    }
  });
});

describe('a module of a virtual environment, under supervisord without activation', () => {
  let site: Site;
  before(() => {
    site = new Site('.venv');
  });
  after(() => site.remove());

  for (const flags of [[], ['--python', '.venv']]) {
    it(`is imported with ${flags.length === 0 ? 'the directory alone' : flags.join(' ')}`, async () => {
      const supervisor = new Supervisor([...words, ...flags, 'site_app:app'], site.folder);
      try {
        assert.match(await says(supervisor.program), site.says);
      } finally {
        await supervisor.stop();
      }
    });
  }
});

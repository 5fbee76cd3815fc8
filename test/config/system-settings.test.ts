import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Config, ConfigError } from '../../src/config/config.ts';
import { readConfig } from '../../src/config/read-config.ts';
import { parseUmask } from '../../src/config/system-settings.ts';

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'system-settings-'));
  writeFileSync(join(folder, 'app.js'), '');
});
after(() => rmSync(folder, { recursive: true }));

async function read(line: string): Promise<Config> {
  const argv = [...line.split(' ').filter(Boolean), 'app.js'];
  const command = await readConfig(argv, { environment: {}, workingDirectory: folder, version: '0' });
  assert.ok(command.type === 'run');
  return command.config;
}

// root and daemon have the numbers 0 and 1 on every Debian, nobody 65534.
const readings: readonly {
  readonly line: string;
  readonly value: (config: Config) => unknown;
  readonly is: unknown;
}[] = [
  { line: '-u nobody', value: ({ user }) => user, is: { name: 'nobody', uid: 65534, gid: 65534 } },
  { line: '-u 65534', value: ({ user }) => user, is: { name: 'nobody', uid: 65534, gid: 65534 } },
  { line: '-u nobody -g daemon', value: ({ user }) => user, is: { name: 'nobody', uid: 65534, gid: 1 } },
  { line: '-u 4123456 -g 4123457', value: ({ user }) => user, is: { name: null, uid: 4123456, gid: 4123457 } },
  { line: '-g daemon', value: ({ user }) => user?.gid, is: 1 },
  { line: '-g daemon', value: ({ user }) => user?.uid, is: process.getuid?.() },
  {
    line: '-u nobody --worker-user daemon',
    value: ({ workerUser }) => workerUser,
    is: { name: 'daemon', uid: 1, gid: 1 },
  },
  { line: '-u nobody --worker-user daemon:sys', value: ({ workerUser }) => workerUser?.gid, is: 3 },
  { line: '-m 0007', value: ({ socketUmask }) => socketUmask, is: 0o007 },
  { line: '-n shop', value: ({ processName }) => processName, is: 'shop' },
  { line: '-p run/pid', value: ({ pidFile }) => pidFile?.endsWith('/run/pid'), is: true },
  { line: '-D', value: ({ daemon }) => daemon, is: true },
];

const refusals: readonly { readonly line: string; readonly message: RegExp }[] = [
  { line: '-u no-such-user', message: /^flag --user: there is no user "no-such-user" on this system\.$/ },
  { line: '-g no-such-group', message: /^flag --group: there is no group "no-such-group"/ },
  { line: '-u 4123456', message: /^flag --user: the system knows no user 4123456.* with --group/ },
  { line: '-u 4294967295 -g 1', message: /there is no user "4294967295"/ },
  { line: '-u nobody:x', message: /there is no user "nobody:x"/ },
  { line: '-m 01000', message: /"01000" is no mask from 0 to 0777/ },
  { line: '-m 009', message: /"009" is no mask/ },
  { line: '-n shop\u001b[2J', message: /is no name of 1 to 64 characters/ },
  { line: '--worker-user daemon', message: /^flag --worker-user: --user has to say whom the edges run as/ },
  { line: '-u nobody --worker-user nobody:daemon', message: /need another user than the edges/ },
  { line: '-u nobody --worker-user daemon:nogroup', message: /need another group than the edges/ },
  { line: '-u nobody --worker-user root', message: /neither edges nor workers may be root/ },
  { line: '-u nobody --worker-user daemon -k inline', message: /there are no workers/ },
  { line: '-u nobody --worker-user daemon -e NODE_OPTIONS=--inspect', message: /would obey as root/ },
];

describe('the settings of the system', () => {
  for (const { line, value, is } of readings) {
    it(`reads ${line}`, async () => assert.deepEqual(value(await read(line)), is));
  }

  for (const { line, message } of refusals) {
    it(`refuses ${line}`, () =>
      assert.rejects(read(line), (error) => error instanceof ConfigError && message.test(error.message)));
  }
});

const masks: readonly (readonly [text: string, mask: number])[] = [
  ['0', 0],
  ['0022', 0o22],
  ['0o27', 0o27],
  ['0x17', 0x17],
  ['23', 23],
  ['0777', 0o777],
];
describe('a mask', () => {
  for (const [text, mask] of masks) {
    it(`is read as Gunicorn reads ${text}`, () => assert.equal(parseUmask(text, 'flag --umask'), mask));
  }
});

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ConfigError } from '../../src/config/config.ts';
import { pythonPlace } from '../../src/config/python-place.ts';

describe('the interpreter of an application', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'python-version-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const cases = [
    {
      behaviour: 'is refused where it is older than 3.9',
      says: '3.8',
      message: /^--python: \S+ is Python 3\.8, and workers need 3\.9 or newer;/,
    },
    { behaviour: 'is refused where it is a Python 2', says: '2.7', message: /is Python 2\.7, and workers need/ },
    {
      behaviour: 'is refused where it is no Python',
      says: 'hello',
      message: /^--python: \S+ does not answer as a Python does\.$/,
    },
    { behaviour: 'may be 3.9', says: '3.9', message: null },
    { behaviour: 'is compared by its numbers', says: '3.14', message: null },
  ];
  for (const { behaviour, says, message } of cases) {
    it(behaviour, async () => {
      const interpreter = join(folder, says);
      writeFileSync(interpreter, `#!/bin/sh\necho ${says}\n`);
      chmodSync(interpreter, 0o755);
      const place = pythonPlace({ python: { value: interpreter, origin: '--python' } }, process.env, folder);
      if (message === null) assert.equal((await place).interpreter, interpreter);
      else
        await assert.rejects(
          place,
          (error) => error instanceof ConfigError && error.exitCode === 3 && message.test(error.message),
        );
    });
  }
});

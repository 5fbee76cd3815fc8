import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { apps } from '../../bench/servers/portcullis.ts';
import { soakPolicy } from '../../bench/soak/clients.ts';
import { type SoakFigures, soak } from '../../bench/soak/watch.ts';
import { type Program, startProgram } from '../support/program.ts';
import { exchangeRaw } from '../support/raw-client.ts';

/** The short form of `npm run bench -- --only soak`: enough for a leak that every request, or every abort, adds to. */
const SECONDS = 40;
/** Generous: a heap that is still growing to its size is no leak, and 40 s are too few to tell more. */
const MOST_GROWTH_BYTES = 48 * 1024 * 1024;

describe('a server under mixed traffic', () => {
  const folder = mkdtempSync(join(tmpdir(), 'soak-'));
  let program: Program;
  let figures: SoakFigures;

  before(async () => {
    const policy = join(folder, 'policy.json');
    writeFileSync(policy, JSON.stringify(soakPolicy));
    program = startProgram(['-b', '127.0.0.1:0', '-k', 'node', '-P', policy, apps.site]);
    const port = await program.port();
    // The first answer comes from a worker that has booted; its deadlines are not what is tested here.
    await exchangeRaw(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    figures = await soak(port, [program.pid], SECONDS);
  });
  after(async () => {
    await program.stop();
    rmSync(folder, { recursive: true });
  });

  it('serves every client as it should be served', () => {
    for (const { name, done, failures } of figures.acts) {
      assert.deepEqual(failures, [], name);
      assert.ok(done > 0, `no client: ${name}`);
    }
  });

  it('keeps all its processes', () => {
    assert.deepEqual(figures.ended, []);
    assert.ok(figures.processes.length >= 3, 'a master, an edge and a worker');
  });

  it('leaks no descriptor', () => {
    for (const { name, descriptorsBefore, descriptorsAfter } of figures.processes) {
      assert.ok(descriptorsAfter <= descriptorsBefore, `${name}: ${descriptorsBefore}, then ${descriptorsAfter}`);
    }
  });

  it('holds no more memory in the end than before', () => {
    for (const { name, early, late } of figures.processes) {
      assert.ok(late - early <= MOST_GROWTH_BYTES, `${name}: ${early} bytes, then ${late}`);
    }
  });

  it('finds no fault of its own', () => {
    assert.doesNotMatch(program.stderr, /\[ERROR\]|\[CRITICAL\]/);
  });
});

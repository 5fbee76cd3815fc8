import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Grant, TokenLimit } from '../../src/admit/token-buckets.ts';
import { within } from '../support/deadline.ts';
import { childrenOf, gone, type Program } from '../support/program.ts';
import { connectRaw } from '../support/raw-client.ts';
import { RedisServer } from '../support/redis-server.ts';
import { ask, startStubMaster, stubPolicy } from './stub-master.ts';

const hourly: TokenLimit = { name: 'hourly', requests: 50, perMs: 3_600_000, burst: 50, blockMs: 0 };
const limits = {
  rateLimits: [hourly],
  rateLimitStore: { timeoutMs: 10_000, outage: 'local', maxKeys: 1_000 },
} as const;

describe('the rate limits of a master', () => {
  const programs: Program[] = [];
  let folder = '';
  let redis: RedisServer;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rate-limits-test-'));
    redis = await RedisServer.start();
  });
  after(async () => {
    await redis.stop();
    rmSync(folder, { recursive: true });
  });
  afterEach(() => Promise.all(programs.splice(0).map((program) => program.stop())));

  const start = (...args: Parameters<typeof startStubMaster>): Program => {
    const program = startStubMaster(...args);
    programs.push(program);
    return program;
  };
  const takes = async (master: Program, question: string): Promise<readonly Grant[]> =>
    (await ask(await master.port(), `take ${question}`)) as readonly Grant[];
  const sum = (grants: readonly Grant[]): number => grants.reduce((total, [granted]) => total + granted, 0);

  it('are those of all its edges together', async () => {
    const master = start({ edges: 2, limits });
    const port = await master.port();
    const answered = new Set<unknown>();
    while (answered.size < 2) answered.add(await ask(port, 'pid'));
    const answers = await Promise.all(Array.from({ length: 20 }, () => takes(master, 'hourly a 1 5')));
    assert.equal(sum(answers.flat()), 50);
  });

  it('are those of all masters with one store', async () => {
    const masters = [1, 2].map(() => start({ limits, rateLimitStore: redis.address, logLevel: 'debug' }));
    for (const master of masters) await master.logged(/Rate limits are shared through the rate-limit store at redis:/);
    const answers = await Promise.all([0, 1, 0, 1].map((index) => takes(masters[index] as Program, 'hourly a 1 30')));
    assert.equal(sum(answers.flat()), 50);
    const leased = await Promise.all(masters.map((master) => takes(master, 'hourly b 20 3')));
    assert.equal(sum(leased.flat()), 50);
  });

  it('follow a reload, and what stays keeps what is left', async () => {
    const reloads = join(folder, 'reloads.json');
    const master = start({ limits, reloads });
    assert.equal(sum(await takes(master, 'hourly a 50')), 50);
    const policy = { ...stubPolicy('second'), ...limits };
    const other = { ...hourly, name: 'other', burst: 7 };
    writeFileSync(reloads, JSON.stringify({ policy: { ...policy, rateLimits: [hourly, other] } }));
    master.signal('SIGHUP');
    await master.logged(/Policy reloaded: second/);
    assert.equal(sum(await takes(master, 'hourly a 1')), 0);
    assert.equal(sum(await takes(master, 'other a 9')), 7);
  });

  it('hold up neither its start nor its end where the store is away', async () => {
    const server = await RedisServer.start();
    await server.stop();
    const master = start({ limits, rateLimitStore: server.address });
    await master.logged(/fails \(connect ECONNREFUSED/);
    assert.equal(sum(await takes(master, 'hourly a 60')), 50);
    const children = childrenOf(master.pid);
    master.signal('SIGTERM');
    const { code } = await within(30_000, master.exited, () => `still running:\n${master.stderr}`);
    assert.equal(code, 0);
    await gone(children);
  });

  it('cost an edge its life that asks for what is no number of tokens', async () => {
    const master = start({ limits });
    const client = await connectRaw(await master.port());
    client.send('take hourly a 1.5\n');
    await master.logged(/Edge \(pid:\d+\) asked the master for tokens in a way that it does not understand/);
    client.destroy();
  });
});

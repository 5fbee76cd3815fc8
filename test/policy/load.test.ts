import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadPolicy, policyFrom, readPolicy } from '../../src/policy/load.ts';
import { PolicyError } from '../../src/policy/mistake.ts';
import { originOf } from '../../src/policy/origin.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { policyKeys } from '../../src/policy/policy-file.generated.ts';
import { isObservable, type RuleId, rules } from '../../src/rejection/rules.ts';

const directory = mkdtempSync(join(tmpdir(), 'portcullis-policy-'));
after(() => rmSync(directory, { recursive: true, force: true }));

function written(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

function policyOf(text: string): Policy {
  return policyFrom(Buffer.from(text), 'site.json');
}

function refusal(load: () => unknown): string {
  try {
    load();
  } catch (error) {
    assert.ok(error instanceof PolicyError, String(error));
    return error.message;
  }
  return assert.fail('not refused');
}

describe('hosts', () => {
  it('are one where only their letter case differs', () => {
    const { request } = policyOf('{ "request": { "hosts": ["A.example", "a.Example", "b.example"] } }');
    assert.deepEqual(request.hosts, ['a.example', 'b.example']);
  });
});

describe('the default policy', () => {
  it('has the numbers of DESIGN 4', () => {
    const { origins, ...values } = loadPolicy(null);
    assert.deepEqual(values, {
      name: 'default',
      mode: 'enforce',
      rules: {},
      request: {
        lineBytes: 4094,
        methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
        dotSegments: 'reject',
        encodedSlash: 'reject',
        hosts: [],
        fieldCount: 100,
        fieldBytes: 8190,
        totalFieldBytes: 65_536,
        underscores: 'drop',
        contentBytes: 1_048_576,
        contentMemoryBytes: 65_536,
        delivery: 'complete',
        trailers: 'drop',
      },
      timeouts: {
        headMs: 10_000,
        contentMs: 15_000,
        contentMinRate: 500,
        writeMs: 30_000,
        writeMinRate: 1024,
        rateGraceMs: 10_000,
        queueMs: 10_000,
        workerMs: 30_000,
      },
      keepAlive: { idleMs: 5_000, maxRequests: 1000, maxAgeMs: 3_600_000 },
      connections: { max: 10_000, maxPerClient: 256 },
      memory: { budgetBytes: 536_870_912 },
      spool: { maxBytes: 1_073_741_824 },
      clients: { allow: [], deny: [] },
      proxies: { trusted: [], hops: 1, fields: 'x-forwarded', protocol: 'off', ipv6Prefix: 64 },
      rateLimits: [],
      rateLimitStore: { timeoutMs: 100, outage: 'local', maxKeys: 100_000 },
      jail: {
        maxScore: 0,
        decayMs: 60_000,
        blockMs: 600_000,
        malformedScore: 10,
        forbiddenScore: 5,
        tooLargeScore: 5,
        tooSlowScore: 5,
        tooManyScore: 1,
      },
      queue: { max: 2048 },
      response: { bufferBytes: 1_048_576 },
      routes: [],
    });
    assert.deepEqual([...new Set(Object.values(origins))], ['default']);
  });

  it('is what an empty object gives, and what the shipped file gives when named', () => {
    const { origins: _, ...byDefault } = loadPolicy(null);
    const { origins: __, ...byName } = loadPolicy(
      fileURLToPath(new URL('../../policies/default.json', import.meta.url)),
    );
    const { origins: ___, ...byNothing } = policyFrom(Buffer.from('{}'), 'elsewhere/default.json');
    assert.deepEqual(byName, byDefault);
    assert.deepEqual(byNothing, byDefault);
  });

  it('is frozen to its last leaf', () => {
    for (const policy of [loadPolicy(null), policyOf('{ "request": { "hosts": ["a.example"] } }')]) {
      const parts: unknown[] = [policy];
      for (const part of parts) {
        assert.ok(Object.isFrozen(part));
        if (typeof part === 'object' && part !== null) parts.push(...Object.values(part));
      }
      assert.ok(parts.length > 50);
    }
  });

  it('survives the journey to an edge as JSON', () => {
    const policy = loadPolicy(null);
    assert.deepEqual(JSON.parse(JSON.stringify(policy)), policy);
  });
});

const observableRules = (Object.keys(rules) as RuleId[]).filter(isObservable);

/** Each key, a value for a file that is not the default, and what it becomes at which place of the policy. */
const changes: readonly (readonly [pointer: string, written: unknown, place: string, value: unknown])[] = [
  ['/mode', 'observe', 'mode', 'observe'],
  ...observableRules.map((rule) => [`/rules/${rule}`, 'observe', `rules.${rule}`, 'observe'] as const),
  ['/request/line/maxBytes', '8KiB', 'request.lineBytes', 8192],
  ['/request/methods', ['GET', 'QUERY'], 'request.methods', ['GET', 'QUERY']],
  ['/request/target/dotSegments', 'keep', 'request.dotSegments', 'keep'],
  ['/request/target/encodedSlash', 'decode', 'request.encodedSlash', 'decode'],
  [
    '/request/hosts',
    ['Example.COM', '*.example.com', '[::1]'],
    'request.hosts',
    ['example.com', '*.example.com', '[::1]'],
  ],
  ['/request/fields/maxCount', 32_768, 'request.fieldCount', 32_768],
  ['/request/fields/maxFieldBytes', '10kB', 'request.fieldBytes', 10_000],
  ['/request/fields/maxTotalBytes', 1, 'request.totalFieldBytes', 1],
  ['/request/fields/underscores', 'reject', 'request.underscores', 'reject'],
  ['/request/content/maxBytes', '1TiB', 'request.contentBytes', 2 ** 40],
  ['/request/content/memoryBytes', '4KiB', 'request.contentMemoryBytes', 4096],
  ['/request/content/delivery', 'stream', 'request.delivery', 'stream'],
  ['/request/trailers', 'reject', 'request.trailers', 'reject'],
  ['/timeouts/head', '1ms', 'timeouts.headMs', 1],
  ['/timeouts/content', 0.5, 'timeouts.contentMs', 500],
  ['/timeouts/contentMinRate', '1KiB/s', 'timeouts.contentMinRate', 1024],
  ['/timeouts/write', '2m', 'timeouts.writeMs', 120_000],
  ['/timeouts/writeMinRate', 0, 'timeouts.writeMinRate', 0],
  ['/timeouts/rateGrace', '20s', 'timeouts.rateGraceMs', 20_000],
  ['/timeouts/queue', '24d', 'timeouts.queueMs', 2_073_600_000],
  ['/timeouts/worker', 0, 'timeouts.workerMs', 0],
  ['/keepAlive/idle', '1h', 'keepAlive.idleMs', 3_600_000],
  ['/keepAlive/maxRequests', 1, 'keepAlive.maxRequests', 1],
  ['/keepAlive/maxAge', '24d', 'keepAlive.maxAgeMs', 2_073_600_000],
  ['/connections/max', 1, 'connections.max', 1],
  ['/connections/maxPerClient', 1, 'connections.maxPerClient', 1],
  ['/memory/budgetBytes', '1GiB', 'memory.budgetBytes', 2 ** 30],
  ['/spool/maxBytes', '1TiB', 'spool.maxBytes', 2 ** 40],
  ['/clients/allow', ['192.0.2.0/24', '2001:DB8::1'], 'clients.allow', ['192.0.2.0/24', '2001:DB8::1']],
  ['/clients/deny', ['0.0.0.0/0'], 'clients.deny', ['0.0.0.0/0']],
  ['/clients/ipv6Prefix', 56, 'proxies.ipv6Prefix', 56],
  ['/clients/trustedProxies', ['10.0.0.0/8', '::1'], 'proxies.trusted', ['10.0.0.0/8', '::1']],
  ['/clients/trustedHops', 2, 'proxies.hops', 2],
  ['/clients/forwardedFields', 'forwarded', 'proxies.fields', 'forwarded'],
  ['/clients/proxyProtocol', 'v2', 'proxies.protocol', 'v2'],
  ['/queue/max', 7, 'queue.max', 7],
  ['/response/bufferBytes', '64KiB', 'response.bufferBytes', 65_536],
  [
    '/rateLimits',
    [
      { name: 'per-client', requests: 100, per: '1s' },
      {
        name: 'per-key',
        key: 'header:X-Api-Key',
        requests: 6,
        per: 60,
        burst: 9,
        block: '2m',
        cost: 3,
        accuracy: 'exact',
      },
    ],
    'rateLimits',
    [
      {
        name: 'per-client',
        key: 'client',
        requests: 100,
        perMs: 1000,
        burst: 100,
        blockMs: 0,
        cost: 1,
        accuracy: 'leased',
      },
      {
        name: 'per-key',
        key: 'header:x-api-key',
        requests: 6,
        perMs: 60_000,
        burst: 9,
        blockMs: 120_000,
        cost: 3,
        accuracy: 'exact',
      },
    ],
  ],
  ['/rateLimitStore/timeout', '1s', 'rateLimitStore.timeoutMs', 1000],
  ['/rateLimitStore/outage', 'refuse', 'rateLimitStore.outage', 'refuse'],
  ['/rateLimitStore/maxKeys', 10, 'rateLimitStore.maxKeys', 10],
  ['/jail/maxScore', 100, 'jail.maxScore', 100],
  ['/jail/decay', '5m', 'jail.decayMs', 300_000],
  ['/jail/block', '1h', 'jail.blockMs', 3_600_000],
  ['/jail/malformedScore', 100, 'jail.malformedScore', 100],
  ['/jail/forbiddenScore', 0, 'jail.forbiddenScore', 0],
  ['/jail/tooLargeScore', 1, 'jail.tooLargeScore', 1],
  ['/jail/tooSlowScore', 2, 'jail.tooSlowScore', 2],
  ['/jail/tooManyScore', 3, 'jail.tooManyScore', 3],
];

function fileWith(pointer: string, value: unknown): string {
  return pointer
    .split('/')
    .slice(1)
    .reduceRight((inner, name) => `{ "${name}": ${inner} }`, JSON.stringify(value));
}

describe('a key of a policy file', () => {
  for (const [pointer, value, place, expected] of changes) {
    it(`${pointer} changes ${place} and nothing else`, () => {
      const [, part = '', name] = /^([^.]+)\.?(.+)?$/.exec(place) ?? [];
      const { origins, ...values } = structuredClone({ ...loadPolicy(null), name: 'site' }) as unknown as Record<
        string,
        Record<string, unknown>
      >;
      const changedPart = name === undefined ? expected : { ...values[part], [name]: expected };
      assert.notDeepEqual(values[part], changedPart);
      Object.assign(values, { [part]: changedPart });
      const { origins: changedOrigins, ...changed } = policyOf(fileWith(pointer, value));
      assert.deepEqual(changed, values);
      assert.match(changedOrigins[pointer] ?? '', /^site\.json:1:\d+$/);
      const others = Object.entries(changedOrigins).filter(([other]) => other !== pointer);
      assert.deepEqual(new Set(others.map(([, origin]) => origin)), new Set(['default']));
      const inherited = Object.keys(origins ?? {}).filter((other) => other !== pointer);
      assert.deepEqual(
        others.map(([other]) => other),
        inherited,
      );
    });
  }

  it('is in the table above, whichever it is', () => {
    const leaves = Object.entries(policyKeys).filter(
      ([pointer, { kind }]) => kind !== 'object' && !/\/\*/.test(pointer),
    );
    const untabled = ['/$schema', '/extends', '/routes', '/tests'];
    assert.deepEqual(
      leaves.map(([pointer]) => pointer),
      leaves
        .map(([pointer]) => pointer)
        .filter((pointer) => untabled.includes(pointer) || changes.some(([tabled]) => tabled === pointer)),
    );
  });
});

describe('the origin of a value', () => {
  const policy = policyOf(
    '{\n  // why\r\n  "timeouts": {\n    "head": "5s"\n  },\n  "request": { "fields": { "maxCount": 50 } }\n}',
  );

  it('is the line and column of its key, whatever the line ends', () => {
    assert.equal(policy.origins['/timeouts/head'], 'site.json:4:5');
    assert.equal(policy.origins['/request/fields/maxCount'], 'site.json:6:28');
    assert.equal(policy.origins['/timeouts/content'], 'default');
  });

  it('counts a lone CR as a line end, as editors do', () => {
    assert.equal(policyOf('// old\r{\r  "queue": { "max": 3 } }').origins['/queue/max'], 'site.json:3:14');
  });

  it('of an object is that of all its values', () => {
    assert.equal(originOf(policy, '/request/fields'), 'site.json:6:28, default');
    assert.equal(originOf(policy, '/request/target'), 'default');
    assert.equal(originOf(policy, '/timeouts/head'), 'site.json:4:5');
  });
});

describe('a policy file', () => {
  it('may have a byte order mark, CRLF line ends, comments and a $schema', () => {
    const text = '\ufeff{\r\n  /* of the\r\n  site */ "$schema": "x",\r\n  "queue": { "max": 3 }\r\n}\r\n// end';
    const policy = loadPolicy(written('windows.json', text));
    assert.equal(policy.queue.max, 3);
    assert.match(policy.origins['/queue/max'] ?? '', /windows\.json:4:14$/);
  });

  it('may be reached through a symbolic link, as in a mounted configuration', () => {
    symlinkSync(written('real.json', '{ "queue": { "max": 4 } }'), join(directory, 'linked.json'));
    assert.equal(loadPolicy(join(directory, 'linked.json')).queue.max, 4);
  });

  it('is refused when it cannot be read, in words', () => {
    const pipe = join(directory, 'pipe.json');
    execFileSync('mkfifo', [pipe]);
    mkdirSync(join(directory, 'directory.json'));
    const unreadable: readonly (readonly [path: string, problem: string])[] = [
      [join(directory, 'none.json'), 'there is no such file'],
      [`${written('file.json', '{}')}/below.json`, 'there is no such file'],
      ['', 'there is no such file'],
      [join(directory, 'directory.json'), 'this is a directory, not a policy file'],
      [pipe, 'this is not a regular file'],
      ['/dev/zero', 'this is not a regular file'],
      [written('huge.json', ' '.repeat(1024 * 1024 + 1)), 'larger than 1048576 bytes, which no policy is'],
      [written('empty.json', ''), 'the file is empty; {} is one that changes nothing'],
      [written('comment.json', '// nothing yet\n'), 'the file is empty; {} is one that changes nothing'],
      [written('latin1.json', Buffer.from('{ "$schema": "\xe9" }', 'latin1')), 'this is not UTF-8 text'],
      [written('utf16.json', Buffer.from('\ufeff{}', 'utf16le')), 'this is not UTF-8 text'],
      [written('empty.yaml', '# nothing yet\n---\n'), 'the file is empty; {} is one that changes nothing'],
    ];
    for (const [path, problem] of unreadable)
      assert.equal(
        refusal(() => loadPolicy(path)),
        `${path}: ${problem}`,
      );
  });

  it('is refused when its name could not be a path', () => {
    assert.equal(
      refusal(() => loadPolicy('a\0b')),
      'a\\u0000b: it cannot be read (ERR_INVALID_ARG_VALUE)',
    );
  });

  it('gives the policy its name, fit for an environ', () => {
    assert.equal(policyOf('{}').name, 'site');
    assert.equal(policyFrom(Buffer.from('{}'), '/etc/app/public site.v2.json').name, 'public site.v2');
    assert.equal(policyFrom(Buffer.from('{}'), 'r\u00e9gle\n\u{1f600}.json').name, 'r_gle__');
  });

  it('that says -0 says 0', () => {
    assert.ok(Object.is(policyOf('{ "jail": { "maxScore": -0 } }').jail.maxScore, 0));
  });

  it('of the largest size is read', () => {
    const padding = ' '.repeat(1024 * 1024 - 2);
    assert.deepEqual(loadPolicy(written('large.json', `{${padding}}`)).queue, { max: 2048 });
  });
});

describe('a policy that is asked for by its name', () => {
  const before = process.cwd();

  /** In a working directory of its own, with what `prepare` puts there. */
  function within<T>(load: () => T, prepare: () => void = () => {}): T {
    process.chdir(mkdtempSync(join(directory, 'working-')));
    try {
      prepare();
      return load();
    } finally {
      process.chdir(before);
    }
  }

  it('is the shipped one, and so is each of its values', () => {
    const { policy, source } = within(() => readPolicy('strict'));
    assert.equal(policy.name, 'strict');
    assert.equal(originOf(policy, '/request/line/maxBytes'), 'strict');
    assert.equal(originOf(policy, '/connections/max'), 'default');
    assert.deepEqual(source?.files, []);
  });

  it('is the shipped default without tests, as if none were asked for', () => {
    assert.deepEqual(
      within(() => readPolicy('default')),
      readPolicy(null),
    );
  });

  it('is the file where the working directory has one of that name', () => {
    const own = (): void => writeFileSync('strict', '{ "queue": { "max": 7 } }');
    assert.equal(within(() => loadPolicy('strict'), own).queue.max, 7);
    const linked = (): void => symlinkSync(written('own.json', '{ "queue": { "max": 8 } }'), 'strict');
    assert.equal(within(() => loadPolicy('strict'), linked).queue.max, 8);
  });

  it('is the shipped one beside a directory of that name', () => {
    assert.equal(
      within(
        () => loadPolicy('strict'),
        () => mkdirSync('strict'),
      ).name,
      'strict',
    );
  });

  it('is never shipped where a path was given', () => {
    for (const path of ['./strict', 'strict.json']) {
      assert.equal(
        within(() => refusal(() => loadPolicy(path))),
        `${path}: there is no such file`,
      );
    }
  });

  it('is looked for in the directory that the server runs in, as paths are', () => {
    const elsewhere = mkdtempSync(join(directory, 'elsewhere-'));
    const own = (): void => writeFileSync('strict', '{ "queue": { "max": 7 } }');
    assert.equal(within(() => loadPolicy('strict', elsewhere), own).name, 'strict');
    writeFileSync(join(elsewhere, 'strict'), '{ "queue": { "max": 9 } }');
    const { queue, origins } = within(() => loadPolicy('strict', elsewhere));
    assert.equal(queue.max, 9);
    assert.equal(origins['/queue/max'], `${join(elsewhere, 'strict')}:1:14`);
  });

  it('is refused in words where nobody can look for the file', () => {
    const loop = (): void => symlinkSync('strict', 'strict');
    assert.equal(
      within(() => refusal(() => loadPolicy('strict')), loop),
      'strict: too many symbolic links',
    );
    assert.match(
      within(() => refusal(() => loadPolicy('a'.repeat(300)))),
      /: the name is too long$/,
    );
  });

  it('is suggested where its name is misspelt', () => {
    assert.match(
      within(() => refusal(() => loadPolicy('strit'))),
      /^strit: there is no such file, nor a shipped policy .* default, .*; did you mean "strict"\?$/,
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadPolicy, policyFrom } from '../../src/policy/load.ts';
import { PolicyError } from '../../src/policy/mistake.ts';
import { type Override, withOverrides } from '../../src/policy/override.ts';
import type { Policy } from '../../src/policy/policy.ts';

const byDefault = loadPolicy(null);
const byFile = policyFrom(
  Buffer.from(`{
  "request": { "line": { "maxBytes": 2000 }, "fields": { "maxCount": 50, "maxFieldBytes": "4KiB", "maxTotalBytes": "16KiB" } },
  "timeouts": { "worker": "20s" },
  "keepAlive": { "idle": "2s" }
}`),
  'site.json',
);

const line = { pointer: '/request/line/maxBytes', origin: 'flag --limit-request-line' } as const;
const count = { pointer: '/request/fields/maxCount', origin: 'flag --limit-request-fields' } as const;
const size = { pointer: '/request/fields/maxFieldBytes', origin: 'flag --limit-request-field-size' } as const;
const timeout = { pointer: '/timeouts/worker', origin: 'flag --timeout' } as const;
const keepAlive = { pointer: '/keepAlive/idle', origin: 'flag --keep-alive' } as const;

type Case = {
  readonly behaviour: string;
  readonly policy: Policy;
  readonly override: Override;
  readonly value: (policy: Policy) => number;
  readonly expected: number;
  readonly warnings: readonly string[];
};

const lineBytes = ({ request }: Policy): number => request.lineBytes;
const fieldCount = ({ request }: Policy): number => request.fieldCount;
const fieldBytes = ({ request }: Policy): number => request.fieldBytes;
const workerMs = ({ timeouts }: Policy): number => timeouts.workerMs;
const idleMs = (policy: Policy): number => policy.keepAlive.idleMs;

const cases: readonly Case[] = [
  {
    behaviour: 'raises the default without a word',
    policy: byDefault,
    override: { ...line, value: 8190 },
    value: lineBytes,
    expected: 8190,
    warnings: [],
  },
  {
    behaviour: 'lowers what a file says without a word',
    policy: byFile,
    override: { ...line, value: 1000 },
    value: lineBytes,
    expected: 1000,
    warnings: [],
  },
  {
    behaviour: 'warns when it raises the request line of a file',
    policy: byFile,
    override: { ...line, value: 8190 },
    value: lineBytes,
    expected: 8190,
    warnings: [
      'flag --limit-request-line 8190 raises /request/line/maxBytes from 2000 bytes (site.json:2:26) to 8190 bytes',
    ],
  },
  {
    behaviour: 'leaves the ceiling when the request line has no limit of its own',
    policy: byDefault,
    override: { ...line, value: 0 },
    value: lineBytes,
    expected: 65_536,
    warnings: ['flag --limit-request-line 0: no limit of its own; what holds is 64KiB'],
  },
  {
    behaviour: 'warns when it raises the field count of a file',
    policy: byFile,
    override: { ...count, value: 51 },
    value: fieldCount,
    expected: 51,
    warnings: [
      'flag --limit-request-fields 51 raises /request/fields/maxCount from 50 field lines (site.json:2:58) to 51 field lines',
    ],
  },
  {
    behaviour: 'leaves the ceiling when the field count has no limit of its own',
    policy: byDefault,
    override: { ...count, value: 0 },
    value: fieldCount,
    expected: 32_768,
    warnings: ['flag --limit-request-fields 0: no limit of its own; what holds is 32768 field lines'],
  },
  {
    behaviour: 'leaves the total when a field has no limit of its own',
    policy: byFile,
    override: { ...size, value: 0 },
    value: fieldBytes,
    expected: 16_384,
    warnings: ['flag --limit-request-field-size 0: no limit of its own; what holds is 16KiB'],
  },
  {
    behaviour: 'says that a field larger than the total cannot be, and that the file is loosened',
    policy: byFile,
    override: { ...size, value: 2 ** 31 - 1 },
    value: fieldBytes,
    expected: 16_384,
    warnings: [
      'flag --limit-request-field-size 2147483647: above /request/fields/maxTotalBytes; what holds is 16KiB',
      'flag --limit-request-field-size 2147483647 raises /request/fields/maxFieldBytes from 4KiB (site.json:2:74) to 16KiB',
    ],
  },
  {
    behaviour: 'takes a time-out in seconds',
    policy: byDefault,
    override: { ...timeout, value: 60 },
    value: workerMs,
    expected: 60_000,
    warnings: [],
  },
  {
    behaviour: 'warns when it raises the time-out of a file',
    policy: byFile,
    override: { ...timeout, value: 60 },
    value: workerMs,
    expected: 60_000,
    warnings: ['flag --timeout 60 raises /timeouts/worker from 20s (site.json:3:17) to 1m'],
  },
  {
    behaviour: 'takes no deadline for the longest time-out',
    policy: byFile,
    override: { ...timeout, value: 0 },
    value: workerMs,
    expected: 0,
    warnings: ['flag --timeout 0 raises /timeouts/worker from 20s (site.json:3:17) to no deadline'],
  },
  {
    behaviour: 'lowers no deadline without a word',
    policy: policyFrom(Buffer.from('{ "timeouts": { "worker": 0 } }'), 'site.json'),
    override: { ...timeout, value: 5 },
    value: workerMs,
    expected: 5000,
    warnings: [],
  },
  {
    behaviour: 'warns when it raises the idle time of a file',
    policy: byFile,
    override: { ...keepAlive, value: 5 },
    value: idleMs,
    expected: 5000,
    warnings: ['flag --keep-alive 5 raises /keepAlive/idle from 2s (site.json:4:18) to 5s'],
  },
];

describe('a flag', () => {
  for (const { behaviour, policy, override, value, expected, warnings } of cases) {
    it(behaviour, () => {
      const overridden = withOverrides(policy, [override]);
      assert.notEqual(value(policy), expected);
      assert.equal(value(overridden.policy), expected);
      assert.deepEqual(overridden.warnings, warnings);
      assert.equal(overridden.policy.origins[override.pointer], override.origin);
    });
  }

  it('changes one value and its origin, and leaves the policy that it was given alone', () => {
    const before = structuredClone(byDefault);
    const { policy } = withOverrides(byDefault, [{ ...line, value: 5000 }]);
    const expected = structuredClone(byDefault) as { request: { lineBytes: number }; origins: Record<string, string> };
    expected.request.lineBytes = 5000;
    expected.origins['/request/line/maxBytes'] = 'flag --limit-request-line';
    assert.deepEqual(policy, expected);
    assert.deepEqual(byDefault, before);
  });

  it('with keep-alive 0 keeps no connection, instead of one without a deadline', () => {
    const { policy, warnings } = withOverrides(byFile, [{ ...keepAlive, value: 0 }]);
    assert.deepEqual(policy.keepAlive, { idleMs: 2000, maxRequests: 1, maxAgeMs: 3_600_000 });
    assert.equal(policy.origins['/keepAlive/maxRequests'], 'flag --keep-alive');
    assert.equal(policy.origins['/keepAlive/idle'], 'site.json:4:18');
    assert.deepEqual(warnings, []);
  });

  it('may come with others, and the result is frozen', () => {
    const { policy, warnings } = withOverrides(byFile, [
      { ...line, value: 0 },
      { ...timeout, value: 1 },
      { ...count, value: 60 },
    ]);
    assert.deepEqual(
      [policy.request.lineBytes, policy.timeouts.workerMs, policy.request.fieldCount],
      [65_536, 1000, 60],
    );
    assert.equal(warnings.length, 2);
    for (const part of [policy, policy.request, policy.request.methods, policy.timeouts, policy.origins])
      assert.ok(Object.isFrozen(part));
  });

  it('with a value that no policy file could have is refused, never clamped', () => {
    const refused: readonly (readonly [Override, string])[] = [
      [
        { ...line, value: 65_537 },
        'flag --limit-request-line: /request/line/maxBytes: expected a size from 1 byte to 64KiB, as a number of bytes or as "64KiB", found 65537',
      ],
      [
        { ...count, value: 32_769 },
        'flag --limit-request-fields: /request/fields/maxCount: expected a whole number of field lines from 1 to 32768, found 32769',
      ],
      [
        { ...size, value: -1 },
        'flag --limit-request-field-size: /request/fields/maxFieldBytes: expected a size from 1 byte to 16MiB, as a number of bytes or as "64KiB", found -1',
      ],
      [
        { ...timeout, value: Number.POSITIVE_INFINITY },
        'flag --timeout: /timeouts/worker: expected 0 (no deadline) or a duration up to 24d, as a number of seconds or as "10s", found Infinity',
      ],
      [
        { ...keepAlive, value: Number.NaN },
        'flag --keep-alive: /keepAlive/idle: expected a duration from 1ms to 24d, as a number of seconds or as "10s", found NaN',
      ],
      [
        { ...count, value: 1.5 },
        'flag --limit-request-fields: /request/fields/maxCount: expected a whole number of field lines from 1 to 32768, found 1.5',
      ],
    ];
    for (const [override, message] of refused) {
      assert.throws(
        () => withOverrides(byDefault, [override]),
        (error) => error instanceof PolicyError && error.message === message,
        message,
      );
    }
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatDuration, formatSize, parseDuration, parseSize, toMilliseconds } from '../../src/policy/quantity.ts';

describe('a size', () => {
  const sizes: readonly (readonly [text: string, bytes: number])[] = [
    ['0B', 0],
    ['1B', 1],
    ['10kB', 10_000],
    ['64KiB', 65_536],
    ['1MB', 1_000_000],
    ['1MiB', 1_048_576],
    ['2GB', 2_000_000_000],
    ['1GiB', 1_073_741_824],
    ['1TB', 1_000_000_000_000],
    ['1TiB', 1_099_511_627_776],
  ];
  for (const [text, bytes] of sizes) it(`${text} is ${bytes} bytes`, () => assert.equal(parseSize(text), bytes));

  it('is refused where two readers could differ', () => {
    const refused = [
      '',
      '1',
      'KiB',
      '1K',
      '1k',
      '1M',
      '1KB',
      '1kb',
      '1kib',
      '1 KiB',
      ' 1KiB',
      '1KiB\n',
      '01KiB',
      '+1KiB',
      '-1KiB',
    ];
    const others = ['1.5KiB', '1e3B', '0x1B', '1_0B', '１KiB', '1PiB', '1constructor', `${'9'.repeat(16)}B`];
    for (const text of [...refused, ...others]) assert.equal(parseSize(text), undefined, text);
  });

  it('is written in the largest binary unit that divides it', () => {
    assert.deepEqual([1, 1023, 1024, 8190, 65_536, 2 ** 30, 2 ** 40].map(formatSize), [
      '1 byte',
      '1023 bytes',
      '1KiB',
      '8190 bytes',
      '64KiB',
      '1GiB',
      '1TiB',
    ]);
  });
});

describe('a duration', () => {
  const durations: readonly (readonly [text: string, seconds: number])[] = [
    ['0s', 0],
    ['500ms', 0.5],
    ['10s', 10],
    ['1.5s', 1.5],
    ['0.5m', 30],
    ['2m', 120],
    ['1h', 3600],
    ['24d', 2_073_600],
  ];
  for (const [text, seconds] of durations)
    it(`${text} is ${seconds} seconds`, () => assert.equal(parseDuration(text), seconds));

  it('is refused where two readers could differ', () => {
    const refused = [
      '',
      '1',
      's',
      '1S',
      '1M',
      '1H',
      '1min',
      '1sec',
      '1 s',
      '1s ',
      '01s',
      '.5s',
      '5.s',
      '1,5s',
      '1.2345s',
      '1e3s',
      '-1s',
      '+1s',
      '1h30m',
    ];
    for (const text of [...refused, `${'9'.repeat(11)}s`]) assert.equal(parseDuration(text), undefined, text);
  });

  it('becomes whole milliseconds, and never 0 unless it is 0', () => {
    assert.deepEqual(
      [0, 0.0001, 0.001, 0.0015, 4.1, 10, 2_073_600].map(toMilliseconds),
      [0, 1, 1, 2, 4100, 10_000, 2_073_600_000],
    );
  });

  it('is written in the largest unit that divides it', () => {
    assert.deepEqual([0.001, 0.5, 1.5, 30, 60, 90, 3600, 86_400].map(formatDuration), [
      '1ms',
      '500ms',
      '1500ms',
      '30s',
      '1m',
      '90s',
      '1h',
      '1d',
    ]);
  });
});

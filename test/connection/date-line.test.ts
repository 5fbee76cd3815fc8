import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createDateLine } from '../../src/connection/date-line.ts';
import { RequestIds } from '../../src/connection/request-id.ts';

describe('the Date line', () => {
  it('has the format of RFC 9110 section 5.6.7', () => {
    const line = createDateLine(() => Date.UTC(1994, 10, 6, 8, 49, 37, 999));
    assert.equal(Buffer.from(line()).toString(), 'Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n');
  });

  it('is made once a second, also when the clock is set back', () => {
    let now = 10_000;
    const line = createDateLine(() => now);
    const first = line();
    now = 10_999;
    assert.equal(line(), first);
    now = 11_000;
    const second = line();
    assert.match(Buffer.from(second).toString(), /00:00:11 GMT/);
    now = 10_500;
    assert.match(Buffer.from(line()).toString(), /00:00:10 GMT/);
  });
});

describe('request ids', () => {
  it('count up behind a prefix that no other process has', () => {
    const [one, other] = [new RequestIds(), new RequestIds()];
    assert.match(one.prefix, /^[0-9a-f]{16}-$/);
    assert.notEqual(one.prefix, other.prefix);
    assert.deepEqual([one.next(), one.next(), other.next()], [1, 2, 1]);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodePairs } from '../../src/upstream/environ.ts';
import { subjectOf } from '../../src/upstream/request-subject.ts';

const cases: readonly { readonly behaviour: string; readonly target: string; readonly subject: string }[] = [
  { behaviour: 'is method and path', target: '/report', subject: 'GET /report' },
  { behaviour: 'leaves out the query', target: '/report?token=secret', subject: 'GET /report' },
  { behaviour: 'escapes what is not ASCII', target: '/\xe4', subject: 'GET /\\xe4' },
  { behaviour: 'cuts a long path', target: `/${'a'.repeat(200)}`, subject: `GET /${'a'.repeat(115)}...` },
];

describe('the subject of a request', () => {
  for (const { behaviour, target, subject } of cases) {
    it(behaviour, () => {
      const pairs = [
        ['SERVER_NAME', 'localhost'],
        ['REQUEST_METHOD', 'GET'],
        ['RAW_URI', target],
        ['HTTP_X_A', 'RAW_URI'],
      ] as const;
      const block = encodePairs(pairs);
      // As copies of environs are: longer than what is in them.
      assert.equal(subjectOf(Buffer.from(`${block}RAW_URI\0/old\0`, 'latin1'), block.length), subject);
    });
  }

  it('is found where the method comes first', () => {
    const block = encodePairs([
      ['REQUEST_METHOD', 'PUT'],
      ['RAW_URI', '/'],
    ]);
    assert.equal(subjectOf(Buffer.from(block, 'latin1'), block.length), 'PUT /');
  });
});

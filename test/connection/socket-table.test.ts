import assert from 'node:assert/strict';
import { endianness } from 'node:os';
import { describe, it } from 'node:test';
import { endpointsOf, findSendQueues } from '../../src/connection/socket-table.ts';

const ipv4 = [
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     ',
  '   0: 00000000:9447 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3607365 1 000000001c79ab24 100 0 0 10 0                   ',
  ' 632: 0100007F:B2EB 0100007F:AA86 01 0039DC00:00000000 04:00000014 00000000     0        0 3607360 2 00000000f3207ca5 20 0 0 15 -1                   ',
  ' 658: 0100007F:AA86 0100007F:B2EB 01 00000000:0001F400 00:00000000 00000000     0        0 3607359 2 0000000008d56d1c 20 8 0 10 -1                   ',
  '12345: 070200C0:0050 0A0A0A0A:FFFF 08 00000001:00000000 01:00000014 00000000     0        0 3607361 2 00000000f3207ca6 20 0 0 15 -1                  ',
];
const ipv6 = [
  '  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
  '   1: 00000000000000000000000001000000:B4AA 00000000000000000000000001000000:9067 01 00000000:0001F400 00:00000000 00000000     0        0 3607363 3 00000000d3f13e55 20 4 0 10 -1',
  '   2: 00000000000000000000000001000000:9067 00000000000000000000000001000000:B4AA 01 003B5000:00000000 01:00000012 00000000     0        0 3607364 2 000000005920960b 20 0 0 11 -1',
  '   3: 0000000000000000FFFF00000100007F:9447 0000000000000000FFFF00000100007F:EC18 01 003EF200:00000000 04:00000012 00000000     0        0 3607367 2 00000000bca16c84 20 0 0 15 -1',
];

type Case = readonly [behaviour: string, table: readonly string[], wanted: string, queuedBytes: number | undefined];

const cases: readonly Case[] = [
  ['a queue of IPv4', ipv4, '0100007F:B2EB 0100007F:AA86', 0x39dc00],
  ['an empty queue', ipv4, '0100007F:AA86 0100007F:B2EB', 0],
  ['a line whose number needs more room', ipv4, '070200C0:0050 0A0A0A0A:FFFF', 1],
  ['a queue of IPv6', ipv6, '00000000000000000000000001000000:9067 00000000000000000000000001000000:B4AA', 0x3b5000],
  [
    'a queue of IPv4 in IPv6',
    ipv6,
    '0000000000000000FFFF00000100007F:9447 0000000000000000FFFF00000100007F:EC18',
    0x3ef200,
  ],
  ['none of a socket that is not in it', ipv4, '0100007F:B2EB 0100007F:AA87', undefined],
  ['none of a socket of the other family', ipv6, '0100007F:9447 0100007F:EC18', undefined],
  ['none in a table without sockets', ipv4.slice(0, 1), '0100007F:B2EB 0100007F:AA86', undefined],
  ['none in no table', [], '0100007F:B2EB 0100007F:AA86', undefined],
];

describe('a table of sockets', () => {
  for (const [behaviour, table, wanted, queuedBytes] of cases) {
    it(`has ${behaviour}`, () => {
      assert.deepEqual(queuesIn(table, [wanted]), queuedBytes === undefined ? [] : [[wanted, queuedBytes]]);
    });
  }

  it('is searched for many at once', () => {
    const wanted = ['0100007F:AA86 0100007F:B2EB', '070200C0:0050 0A0A0A0A:FFFF', '0100007F:0001 0100007F:0002'];
    assert.deepEqual(queuesIn(ipv4, wanted), [
      ['0100007F:AA86 0100007F:B2EB', 0],
      ['070200C0:0050 0A0A0A0A:FFFF', 1],
    ]);
  });

  it('that is another one has no queues', () => {
    for (const text of ['\n', ':\n', 'a: b\n', ': : : :\n\n', ':'.repeat(1000)]) {
      assert.deepEqual(queuesIn([text], ['0100007F:B2EB 0100007F:AA86']), []);
    }
  });
});

describe('the ends of a socket', {
  skip: endianness() === 'BE' && 'written for machines with the low byte first',
}, () => {
  const named: readonly (readonly [local: string, remote: string, endpoints: string])[] = [
    ['127.0.0.1', '192.0.2.7', '0100007F:1F90 070200C0:0050'],
    ['::1', '2001:db8::ff', '00000000000000000000000001000000:1F90 B80D01200000000000000000FF000000:0050'],
    [
      '::ffff:127.0.0.1',
      '::ffff:192.0.2.7',
      '0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF0000070200C0:0050',
    ],
    ['fe80::1%eth0', 'fe80::2%eth0', '000080FE000000000000000001000000:1F90 000080FE000000000000000002000000:0050'],
  ];
  for (const [localAddress, remoteAddress, endpoints] of named) {
    it(`are named as the kernel names them: ${remoteAddress}`, () => {
      assert.equal(endpointsOf({ localAddress, localPort: 8080, remoteAddress, remotePort: 80 }), endpoints);
    });
  }
});

describe('a socket without ends', () => {
  it('has no name: a Unix socket, and one that is gone', () => {
    assert.equal(endpointsOf({}), undefined);
    assert.equal(endpointsOf({ localAddress: '127.0.0.1', localPort: 80 }), undefined);
  });
});

function queuesIn(lines: readonly string[], wanted: readonly string[]): (readonly [string, number])[] {
  const found: (readonly [string, number])[] = [];
  const text = lines.map((line) => `${line}\n`).join('');
  findSendQueues(Buffer.from(text), new Map(wanted.map((endpoints) => [endpoints, null])), (endpoints, queuedBytes) =>
    found.push([endpoints, queuedBytes]),
  );
  return found;
}

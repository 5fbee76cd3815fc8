import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inDatagrams, StatsdLines } from '../../../src/telemetry/statsd/statsd-lines.ts';
import { StatsdSender } from '../../../src/telemetry/statsd/statsd-sender.ts';
import { LogLines } from '../../support/log-lines.ts';
import { openUdpServer } from '../../support/udp-server.ts';

const none = { prefix: '', tags: '' };

describe('lines for StatsD', () => {
  const cases: readonly (readonly [behaviour: string, line: string, expected: string])[] = [
    ['counts', new StatsdLines(none).count('gunicorn.requests', 7), 'gunicorn.requests:7|c|@1.0'],
    ['gauges', new StatsdLines(none).gauge('gunicorn.workers', 2), 'gunicorn.workers:2|g'],
    ['times', new StatsdLines(none).timing('t', 1.23456, 1), 't:1.235|ms'],
    ['times a sample', new StatsdLines(none).timing('t', 12, 8 / 1000), 't:12|ms|@0.008000'],
    ['puts a prefix in front', new StatsdLines({ ...none, prefix: 'site' }).gauge('g', 1), 'site.g:1|g'],
    ['ends it with one dot', new StatsdLines({ ...none, prefix: 'site..' }).gauge('g', 1), 'site.g:1|g'],
    ['puts tags behind', new StatsdLines({ prefix: '', tags: 'a:b,c' }).count('n', 1), 'n:1|c|@1.0|#a:b,c'],
  ];
  for (const [behaviour, line, expected] of cases) it(behaviour, () => assert.equal(line, expected));
});

describe('datagrams for StatsD', () => {
  it('have as many whole lines as fit, and none is lost', () => {
    const lines = Array.from({ length: 1000 }, (_, index) => `name.${'x'.repeat(index % 60)}:${index}|c|@1.0`);
    const datagrams = inDatagrams(lines);
    assert.deepEqual(
      datagrams.flatMap((datagram) => datagram.toString().split('\n')),
      lines,
    );
    for (const datagram of datagrams) assert.ok(datagram.length <= 1432, String(datagram.length));
    assert.ok(datagrams.length < 40, String(datagrams.length));
  });
});

describe('the sender of StatsD', () => {
  it('sends to a name', async () => {
    const server = await openUdpServer();
    const sender = new StatsdSender({ host: 'localhost', port: server.port }, new LogLines().log);
    sender.send(['a:1|c']);
    await server.received(/a:1\|c/);
    sender.send(['b:2|c', 'c:3|g']);
    await server.received(/^b:2\|c\nc:3\|g$/);
    await sender.close();
    sender.send(['d:4|c']);
    assert.equal(sender.lost, 0);
    server.close();
  });

  it('loses what nobody can be sent, counts it, and says so', async () => {
    const log = new LogLines();
    // A label of 64 characters: no resolver has to be asked to know that there is none.
    const sender = new StatsdSender({ host: 'x'.repeat(64), port: 8125 }, log.log);
    sender.send(['a:1|c']);
    await log.logged(/Metrics do not reach StatsD at x{64}:8125/);
    sender.send(['a:1|c']);
    assert.ok(sender.lost >= 2, String(sender.lost));
    await sender.close();
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  counterAt,
  counterCount,
  type EdgeReport,
  gaugeCount,
  isEdgeReport,
  type LoggedKind,
  statusesIn,
} from '../../../src/telemetry/metrics/edge-counts.ts';
import { EdgeMeter, type MeteredRequest } from '../../../src/telemetry/metrics/edge-meter.ts';
import { EdgeTotals } from '../../../src/telemetry/metrics/edge-totals.ts';
import { exposeEdges } from '../../../src/telemetry/metrics/expose-edges.ts';
import { Exposition } from '../../../src/telemetry/metrics/exposition.ts';
import { parseExposition } from '../../support/exposition.ts';

const gauges = new Array<number>(gaugeCount).fill(0);
const quiet: Readonly<Record<LoggedKind, number>> = { warning: 0, error: 0, exception: 0, critical: 0 };

/** One that began at 1000 and came to its end: 2 ms to receive it, 3 in the queue, 40 in the worker, 100 to send it. */
const served: MeteredRequest = {
  startedAt: 1000,
  releasedAt: 1002,
  dispatchedAt: 1005,
  completeAt: 1045,
  endedAt: 1145,
  status: 200,
  receivedBytes: 10,
  sentBytes: 1000,
};

function samplesOf(meter: EdgeMeter): ReadonlyMap<string, number> {
  const into = new Exposition();
  exposeEdges(into, meter.counters, Float64Array.from(gauges), quiet);
  return parseExposition(into.text).samples;
}

const phaseCases = [
  { behaviour: 'has all phases when it was served', request: served, seconds: [0.002, 0.003, 0.04, 0.1] },
  {
    behaviour: 'that waited in vain for a worker ended in the queue',
    request: { ...served, dispatchedAt: 0, completeAt: 0 },
    seconds: [0.002, 0.143, 0, 0],
  },
  {
    behaviour: 'that was refused by its head was received alone',
    request: { ...served, releasedAt: 0, dispatchedAt: 0, completeAt: 0 },
    seconds: [0.145, 0, 0, 0],
  },
  {
    behaviour: 'whose worker did not finish ended there',
    request: { ...served, completeAt: 0 },
    seconds: [0.002, 0.003, 0.14, 0],
  },
];

describe('what an edge counts', () => {
  for (const { behaviour, request, seconds } of phaseCases) {
    it(`a request ${behaviour}`, () => {
      const meter = new EdgeMeter(0);
      meter.end(request);
      const samples = samplesOf(meter);
      for (const [index, phase] of ['receive', 'queue', 'app', 'send'].entries()) {
        const family = 'portcullis_request_phase_duration_seconds';
        assert.equal(samples.get(`${family}_sum{phase="${phase}"}`), seconds[index], phase);
        assert.equal(samples.get(`${family}_count{phase="${phase}"}`), seconds[index] === 0 ? 0 : 1, phase);
      }
      assert.equal(samples.get('portcullis_request_duration_seconds_sum'), 0.145);
      assert.equal(samples.get('portcullis_request_duration_seconds_bucket{le="0.1"}'), 0);
      assert.equal(samples.get('portcullis_request_duration_seconds_bucket{le="0.25"}'), 1);
    });
  }

  for (const [took, least] of [
    [1, '0.001'],
    [1.001, '0.0025'],
    [60_000, '60'],
    [60_001, '+Inf'],
    [-1, '0.001'],
  ] as const) {
    it(`${took} ms is at most ${least} s`, () => {
      const meter = new EdgeMeter(0);
      meter.end({ ...served, startedAt: 5_000, endedAt: 5_000 + took });
      const buckets = [...samplesOf(meter)].filter(([key]) =>
        key.startsWith('portcullis_request_duration_seconds_bucket'),
      );
      assert.equal(
        buckets.find(([, count]) => count > 0)?.[0],
        `portcullis_request_duration_seconds_bucket{le="${least}"}`,
      );
    });
  }

  it('statuses by their class, and any number that an application invents', () => {
    const meter = new EdgeMeter(0);
    for (const status of [0, 101, 200, 299, 304, 404, 599, 99, 600, 1e9]) meter.end({ ...served, status });
    const counted = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'].map((status) =>
      samplesOf(meter).get(`portcullis_requests_total{status="${status}"}`),
    );
    assert.deepEqual(counted, [4, 1, 2, 1, 1, 1]);
    assert.deepEqual(
      [...statusesIn(meter.counters)].map(([status]) => status),
      [0, 101, 200, 299, 304, 404, 599],
    );
  });

  it('timings, of many requests as many as were asked for, once', () => {
    const meter = new EdgeMeter(8);
    for (let request = 0; request < 1000; request++) meter.end({ ...served, endedAt: 1000 + request });
    const { timings, timed } = meter.report(gauges, true);
    assert.equal(timings.length, 8);
    assert.equal(timed, 1000);
    assert.ok(
      timings.every((timing) => Number.isInteger(timing) && timing >= 0 && timing < 1000),
      timings.join(),
    );
    // The first ones have no place of their own.
    assert.notDeepEqual([...timings], [0, 1, 2, 3, 4, 5, 6, 7]);
    assert.deepEqual(meter.report(gauges, true).timings, []);
  });
});

describe('the sums over edges', () => {
  const reportOf = (requests: number): EdgeReport => {
    const meter = new EdgeMeter(0);
    for (let request = 0; request < requests; request++) meter.end(served);
    return meter.report(gauges, false);
  };
  const requestsIn = (totals: EdgeTotals<object>): number => [...statusesIn(totals.counters)][0]?.[1] ?? 0;

  it('keep what an edge had counted before it ended', () => {
    const totals = new EdgeTotals<object>();
    const [first, second] = [{}, {}];
    assert.ok(totals.take(first, reportOf(3)) && totals.take(second, reportOf(2)) && totals.take(first, reportOf(5)));
    assert.equal(requestsIn(totals), 7);
    totals.ended(first);
    totals.ended(first);
    assert.equal(requestsIn(totals), 7);
    assert.ok(totals.take({}, reportOf(1)));
    assert.equal(requestsIn(totals), 8);
  });

  it('do not go back with an edge that counts backwards', () => {
    const totals = new EdgeTotals<object>();
    const edge = {};
    totals.take(edge, reportOf(3));
    assert.equal(totals.take(edge, reportOf(2)), false);
    assert.equal(requestsIn(totals), 3);
  });
});

describe('a report of an edge', () => {
  const report = new EdgeMeter(4).report(gauges, true);
  const first = (value: unknown): unknown => ({ ...report, counters: [value, ...report.counters.slice(1)] });
  const refused: readonly (readonly [what: string, value: unknown])[] = [
    ['nothing', undefined],
    ['null', null],
    ['a text', 'counters'],
    ['a list', []],
    ['no counters', { ...report, counters: undefined }],
    ['too few counters', { ...report, counters: report.counters.slice(1) }],
    ['too many counters', { ...report, counters: [...report.counters, 0] }],
    ['a text among counters', first('1')],
    ['null, as JSON has NaN', first(null)],
    ['less than nothing', first(-1)],
    ['infinity', first(Number.POSITIVE_INFINITY)],
    ['too many gauges', { ...report, gauges: [...report.gauges, 0] }],
    ['endless timings', { ...report, timings: new Array(1025).fill(1), timed: 1025 }],
    ['more timings than requests', { ...report, timings: [1, 2], timed: 1 }],
    ['no number of requests', { ...report, timed: null }],
  ];
  for (const [what, value] of refused)
    it(`is refused where it is ${what}`, () => assert.equal(isEdgeReport(value), false));

  it('is taken as it is made, after its way as JSON', () => {
    assert.equal(report.counters.length, counterCount);
    assert.equal(report.counters[counterAt.accepted], 0);
    assert.ok(isEdgeReport(JSON.parse(JSON.stringify(report))));
  });
});

describe('the text of metrics', () => {
  it('escapes what stands in labels', () => {
    const into = new Exposition();
    into.add('portcullis_policy_info', 1, { policy: 'a"b\\c\nd' });
    assert.deepEqual(
      [...parseExposition(into.text).samples.keys()],
      ['portcullis_policy_info{policy="a\\"b\\\\c\\nd"}'],
    );
  });
});

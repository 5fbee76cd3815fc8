import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { offenceOf, pointsOf } from '../../src/admit/offence.ts';
import { Offences } from '../../src/admit/offences.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import { reject } from '../../src/rejection/rejection.ts';
import { type RuleId, rules } from '../../src/rejection/rules.ts';
import { ManualClock } from './manual-clock.ts';

const off = loadPolicy(null).jail;
const jail = { ...off, maxScore: 100 };

/** What each rule counts as; those that are not here count as nothing. */
const offences: Readonly<Partial<Record<RuleId, string>>> = {
  'request-line.too-long': 'tooLarge',
  'request-line.malformed': 'malformed',
  'version.unsupported': 'malformed',
  'method.not-allowed': 'forbidden',
  'method.unknown': 'malformed',
  'target.malformed': 'malformed',
  'target.forbidden': 'malformed',
  'target.not-mounted': 'forbidden',
  'host.missing': 'malformed',
  'host.malformed': 'malformed',
  'host.conflict': 'malformed',
  'host.not-allowed': 'forbidden',
  'fields.too-many': 'tooLarge',
  'field.too-large': 'tooLarge',
  'fields.too-large': 'tooLarge',
  'field.malformed': 'malformed',
  'field.repeated': 'malformed',
  'framing.conflict': 'malformed',
  'framing.transfer-coding': 'malformed',
  'framing.content-length': 'malformed',
  'framing.chunk': 'malformed',
  'trailer.forbidden': 'malformed',
  'trailer.too-large': 'tooLarge',
  'content.too-large': 'tooLarge',
  'content.too-slow': 'tooSlow',
  'response.too-slow': 'tooSlow',
  'rate.exceeded': 'tooMany',
  'client.denied': 'forbidden',
  'expect.unsupported': 'malformed',
  'timeout.head': 'tooSlow',
  'timeout.content': 'tooSlow',
  'timeout.write': 'tooSlow',
};

describe('a refusal is held against the client', () => {
  for (const rule of Object.keys(rules) as RuleId[]) {
    const offence = offences[rule] ?? null;
    it(`by ${rule}: ${offence ?? 'not at all'}`, () => assert.equal(offenceOf(reject(rule, 'why')), offence));
  }

  it('not where the client left in the middle', () => {
    assert.equal(offenceOf({ ...reject('framing.content-length', 'why'), isCutShort: true }), null);
  });
});

describe('points', () => {
  it('are those of the policy', () => {
    const all = ['malformed', 'forbidden', 'tooLarge', 'tooSlow', 'tooMany'] as const;
    assert.deepEqual(
      all.map((offence) => pointsOf(offence, jail)),
      [10, 5, 5, 5, 1],
    );
  });

  it('are none where nobody is blocked', () => assert.equal(pointsOf('malformed', off), 0));
});

describe('the offences of an edge', () => {
  let clock: ManualClock;
  let reports: (readonly (readonly [string, number])[])[];
  let noted: Offences;
  beforeEach(() => {
    clock = new ManualClock();
    reports = [];
    noted = new Offences(jail, clock, (clients) => reports.push(clients));
  });

  it('are told as one sum a client, 100 ms after the first', () => {
    noted.refused('a', reject('framing.conflict', 'why'));
    clock.pass(60);
    noted.refused('b', reject('timeout.head', 'why'));
    noted.note('a', 'tooMany');
    clock.pass(39);
    assert.deepEqual(reports, []);
    clock.pass(1);
    assert.deepEqual(reports, [
      [
        ['a', 11],
        ['b', 5],
      ],
    ]);
  });

  it('are told again when there are new ones, and no message is sent without', () => {
    for (let time = 0; time < 2; time++) {
      noted.note('a', 'malformed');
      clock.pass(1000);
    }
    assert.deepEqual(reports, [[['a', 10]], [['a', 10]]]);
    assert.equal(clock.timers, 0);
  });

  it('leave out what costs nothing', () => {
    noted.refused('a', reject('worker.failed', 'why'));
    noted.adopt(off);
    noted.refused('a', reject('framing.conflict', 'why'));
    clock.pass(1000);
    assert.deepEqual(reports, []);
  });

  it('of one client are never more than what blocks it', () => {
    for (let time = 0; time < 11; time++) noted.note('a', 'malformed');
    clock.pass(100);
    assert.deepEqual(reports, [[['a', jail.maxScore]]]);
  });

  it('are those of 10,000 clients at most, who go on to be counted', () => {
    for (let client = 0; client < 10_002; client++) noted.note(`${client}`, 'tooMany');
    noted.note('0', 'tooMany');
    clock.pass(100);
    assert.equal(reports[0]?.length, 10_000);
    assert.deepEqual(reports[0]?.[0], ['0', 2]);
  });
});

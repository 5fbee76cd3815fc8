import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseControlCommand } from '../../src/control/command-line.ts';

const readings: readonly (readonly [line: string, expected: object])[] = [
  ['status', { request: { command: 'status' }, view: 'status', wanted: {} }],
  ['status --json', { request: { command: 'status' }, view: 'json', wanted: {} }],
  ['workers', { request: { command: 'status' }, view: 'workers', wanted: {} }],
  ['--pid 7 workers', { request: { command: 'status' }, view: 'workers', wanted: { pid: 7 } }],
  ['workers --pid=7', { request: { command: 'status' }, view: 'workers', wanted: { pid: 7 } }],
  ['reload', { request: { command: 'reload' }, view: 'message', wanted: {} }],
  [
    'reload --wait 5 --socket /a.ctl',
    { request: { command: 'reload' }, view: 'message', wanted: { socket: '/a.ctl' }, waitSeconds: 5 },
  ],
  ['stop', { request: { command: 'stop', now: false }, view: 'message', wanted: {} }],
  ['stop --now', { request: { command: 'stop', now: true }, view: 'message', wanted: {} }],
  ['add-worker', { request: { command: 'add-worker' }, view: 'message', wanted: {} }],
  ['remove-worker', { request: { command: 'remove-worker' }, view: 'message', wanted: {} }],
  ['jail', { request: { command: 'jail' }, view: 'message', wanted: {} }],
  ['jail --json', { request: { command: 'jail' }, view: 'json', wanted: {} }],
  ['jail release ::1', { request: { command: 'release', client: '::1' }, view: 'message', wanted: {} }],
  [
    'jail block 192.0.2.7 60 --pid 9',
    { request: { command: 'block', client: '192.0.2.7', seconds: 60 }, view: 'message', wanted: { pid: 9 } },
  ],
];

const mistakes: readonly (readonly [line: string, problem: RegExp])[] = [
  ['', /^the command is missing/],
  ['--json', /^unknown option '--json'/],
  ['restart', /^unknown command 'restart'/],
  ['relaod', /Did you mean reload/],
  ['status now', /^too many arguments/],
  ['stop --slowly', /^unknown option '--slowly'/],
  ['--pid 0 status', /'0' is invalid.* It is no whole number/],
  ['--pid 1e3 status', /'1e3' is invalid/],
  ['jail release', /^missing required argument 'ADDRESS'/],
  ['jail block 192.0.2.7', /^missing required argument 'SECONDS'/],
  ['jail block 192.0.2.7 9999999', /It is more than 2000000/],
];

describe('portcullis ctl', () => {
  for (const [line, expected] of readings) {
    it(`reads ${line}`, () => assert.deepEqual(parse(line), { type: 'ask', ...expected }));
  }

  for (const [line, problem] of mistakes) {
    it(`refuses ${JSON.stringify(line)}`, () => {
      const command = parse(line);
      assert.ok(command.type === 'mistake', JSON.stringify(command));
      assert.match(command.problem, problem);
      assert.match(command.problem, /portcullis ctl --help lists the commands\.$/);
    });
  }

  it('prints its help', () => {
    const command = parse('--help');
    assert.ok(command.type === 'print');
    for (const name of ['status', 'workers', 'reload', 'stop', 'add-worker', 'remove-worker', 'jail']) {
      assert.match(command.text, new RegExp(`^  ${name}\\b`, 'm'));
    }
  });
});

function parse(line: string): ReturnType<typeof parseControlCommand> {
  return parseControlCommand(line.split(' ').filter((word) => word !== ''));
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { takeActivatedSockets } from '../../src/master/socket-activation.ts';

const pid = 4711;
const descriptors = (...numbers: readonly number[]) =>
  numbers.map((descriptor) => ({ kind: 'descriptor', descriptor }));

const cases: readonly {
  readonly behaviour: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly sockets: unknown;
}[] = [
  { behaviour: 'are none without a service manager', environment: {}, sockets: null },
  {
    behaviour: 'begin at descriptor 3',
    environment: { LISTEN_PID: '4711', LISTEN_FDS: '2', LISTEN_FDNAMES: 'a:b' },
    sockets: descriptors(3, 4),
  },
  { behaviour: 'of another process are none', environment: { LISTEN_PID: '4712', LISTEN_FDS: '1' }, sockets: null },
  { behaviour: 'are for a process that is named', environment: { LISTEN_FDS: '1' }, sockets: null },
  { behaviour: 'are counted in digits', environment: { LISTEN_PID: '4711', LISTEN_FDS: '1e2' }, sockets: null },
  { behaviour: 'are not without bound', environment: { LISTEN_PID: '4711', LISTEN_FDS: '999' }, sockets: null },
];

describe('sockets that a service manager has bound', () => {
  for (const { behaviour, environment, sockets } of cases) {
    it(behaviour, () => {
      const variables: NodeJS.ProcessEnv = { ...environment, HOME: '/' };
      assert.deepEqual(takeActivatedSockets(variables, pid), sockets);
      assert.deepEqual(variables, { HOME: '/' });
    });
  }
});

/** The attacker's process: `attacker-process.ts NAME PORT`. Begins when told, ceases when told, ends with its parent. */
import { AttackPool } from './attack-pool.ts';
import type { Attack, Tally } from './attacks/attack.ts';
import { byteAtATime } from './attacks/byte-at-a-time.ts';
import { connectionFlood } from './attacks/connection-flood.ts';
import { idle } from './attacks/idle.ts';
import { requestFlood } from './attacks/request-flood.ts';
import { slowReader } from './attacks/slow-reader.ts';
import { vanishingMidRequest, vanishingMidResponse } from './attacks/vanishing.ts';

const IDLE_CONNECTIONS = 10_000;

const attacks = {
  idle: () => idle(IDLE_CONNECTIONS),
  'connection-flood': () => connectionFlood,
  'request-flood': () => requestFlood,
  'byte-at-a-time': () => byteAtATime,
  'slow-reader': () => slowReader,
  'vanishing-mid-request': vanishingMidRequest,
  'vanishing-mid-response': vanishingMidResponse,
} satisfies Record<string, () => Attack>;

export type AttackName = keyof typeof attacks;
export type Order = 'begin' | 'cease';
export type Report = 'loaded' | 'at-strength' | Tally;

const [name, port] = process.argv.slice(2);
const attack = attacks[name as AttackName]();
const pool = new AttackPool(attack, Number(port));
process.on('disconnect', () => process.exit());
process.on('message', (order: Order) => {
  if (order === 'begin') pool.begin(() => report('at-strength'));
  else report(pool.cease());
});
report('loaded');

function report(message: Report): void {
  process.send?.(message);
}

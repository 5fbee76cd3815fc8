import type { Attack } from './attack.ts';

/** Connects at a steady rate, on which nothing is ever sent: it is for the server to end them. */
export const connectionFlood: Attack = {
  connections: Number.POSITIVE_INFINITY,
  connectsPerSecond: 2000,
  reads: 'at-once',
  goesOn: false,
  open: () => {},
};

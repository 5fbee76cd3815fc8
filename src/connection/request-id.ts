import { randomBytes } from 'node:crypto';

/** Ids that are unique among all processes for practical purposes: 64 random bits for this one, then a count. */
export function createRequestIds(): () => string {
  const prefix = randomBytes(8).toString('hex');
  let count = 0;
  return () => {
    count += 1;
    return `${prefix}-${count}`;
  };
}

import { randomBytes } from 'node:crypto';

/**
 * Ids that are unique among all processes for practical purposes: 64 random bits for this one, then a count. A request
 * carries its count; the text is made where somebody reads it.
 */
export class RequestIds {
  readonly prefix = `${randomBytes(8).toString('hex')}-`;
  private count = 0;

  next(): number {
    this.count += 1;
    return this.count;
  }
}

import { excerpt, withoutCredentials } from '../policy/excerpt.ts';

/** A value for a message; of a larger one only what it is. */
export function valueInWords(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return excerpt(withoutCredentials(typeof value === 'string' ? JSON.stringify(value) : String(value)));
}

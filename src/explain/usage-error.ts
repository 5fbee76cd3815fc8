/** The operator asked for what cannot be done: a flag, a file that is not there. `message` is one paragraph for a person. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

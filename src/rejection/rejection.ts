import { type RuleId, rules } from './rules.ts';

/** Why a request was refused: a value, never an exception. `detail` holds no raw bytes of the client. */
export type Rejection = {
  readonly rule: RuleId;
  readonly status: number | null;
  readonly pointer: string | null;
  readonly detail: string;
  /** Field lines that the response has to have, each with its CRLF. */
  readonly fields?: string;
  /** The client left in the middle of its request, which was in order until then. */
  readonly isCutShort?: true;
};

/** Status and pointer come from the table; `detail` says what was measured against what, in a few words. */
export function reject(rule: RuleId, detail: string, fields?: string): Rejection {
  const { status, pointer } = rules[rule];
  if (fields !== undefined) return { rule, status, pointer, detail, fields };
  return { rule, status, pointer, detail };
}

import { policyValue } from './complete.ts';
import { policyKeys } from './policy-file.generated.ts';
import type { PolicyKey } from './policy-key.ts';
import { formatDuration, formatSize } from './quantity.ts';

const keys: Readonly<Partial<Record<string, PolicyKey>>> = policyKeys;
const mostElements = 20;

/** The value behind a pointer of the schema as a policy file could have it: `64KiB`, `10s`, `GET, HEAD`. */
export function valueText(policy: object, pointer: string): string {
  const value = policyValue(policy, pointer);
  if (typeof value === 'number') return numberText(value, keys[pointer]?.kind);
  if (!Array.isArray(value)) return textOf(value);
  if (value.length === 0) return 'none';
  const shown = value.slice(0, mostElements).map(textOf).join(', ');
  return value.length > mostElements ? `${shown} and ${value.length - mostElements} more` : shown;
}

/** Durations are milliseconds in a policy. */
function numberText(value: number, kind: PolicyKey['kind'] | undefined): string {
  if (kind === 'size') return formatSize(value);
  if (kind === 'duration') return value === 0 ? 'no deadline' : formatDuration(value / 1000);
  return String(value);
}

/** Objects are the operator's own structures: as JSON has them. */
function textOf(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

import { type PolicyPointer, policyKeys } from './policy-file.generated.ts';
import { type PolicyKey, schemaPointer } from './policy-key.ts';

export const keysByPointer: Readonly<Partial<Record<string, PolicyKey>>> = policyKeys;

/** What the schema says of the value at this pointer of a file; undefined where it knows no such key. */
export function keyAt(pointer: string): PolicyKey | undefined {
  return keysByPointer[schemaPointer(pointer)];
}

/** The key of a quantity or a count. Throws for any other: that is our mistake. */
export function numberKey(pointer: PolicyPointer): PolicyKey & { readonly minimum: number; readonly maximum: number } {
  const key: PolicyKey = policyKeys[pointer];
  if ('minimum' in key) return key;
  throw new Error(`${pointer} is no number`);
}

import { parse as parsePath } from 'node:path';
import { fileURLToPath } from 'node:url';
import { complete, type Layer } from './complete.ts';
import { locate, positionAt, type SourceDocument } from './locate.ts';
import type { Policy } from './policy.ts';
import { readPolicyFile } from './read.ts';
import { parseDocument } from './source-document.ts';
import { validate } from './validate.ts';

/** The same from `src/policy` and from `dist/policy`. */
const defaultPath = fileURLToPath(new URL('../../policies/default.json', import.meta.url));

/**
 * The policy of a file, deep-frozen; null is the shipped default, which also says what the file leaves out. Throws
 * `PolicyError`, whose message lists every mistake of the file for the operator.
 */
export function loadPolicy(path: string | null): Policy {
  return path === null ? complete('default', [shippedDefault()]) : policyFrom(readPolicyFile(path), path);
}

/** The same of bytes that were already read; `file` is their name in messages and origins. */
export function policyFrom(bytes: Uint8Array, file: string): Policy {
  const document = parseDocument(bytes, file);
  const originOf = (pointer: string): string => originIn(document, pointer);
  return complete(nameOf(file), [{ file: validate(document), originOf }, shippedDefault()]);
}

/** For environs, whose values are latin1 without control characters, while a file's name may be anything. */
function nameOf(file: string): string {
  return parsePath(file).name.replace(/[^\x20-\x7e]/gu, '_');
}

function shippedDefault(): Layer {
  const document = parseDocument(readPolicyFile(defaultPath), defaultPath);
  return { file: validate(document), originOf: () => 'default' };
}

function originIn(document: SourceDocument, pointer: string): string {
  const { line, column } = positionAt(document.text, locate(document, pointer)?.nameStart ?? 0);
  return `${document.file}:${line}:${column}`;
}

import { existsSync, statSync } from 'node:fs';
import { parse as parsePath } from 'node:path';
import { nearestNames } from '../suggestion/nearest-name.ts';
import { complete } from './complete.ts';
import { type Chain, readChain, readShippedChain, shippedDefault } from './extend.ts';
import type { SourceDocument } from './locate.ts';
import { PolicyError } from './mistake.ts';
import type { Policy } from './policy.ts';
import type { PolicyFile } from './policy-file.generated.ts';
import { readPolicyFile } from './read.ts';
import { defaultName, shippedNames } from './shipped.ts';
import { parseDocument } from './source-document.ts';

/** A policy with what is known of the file that it was read from. */
export type LoadedPolicy = {
  readonly policy: Policy;
  /** Null for the shipped default. */
  readonly source: PolicySource | null;
};

export type PolicySource = {
  readonly document: SourceDocument;
  readonly tests: NonNullable<PolicyFile['tests']>;
  /** The files that the policy was read from, by the paths that lead to them; shipped ones are not among them. */
  readonly files: readonly string[];
};

/**
 * The policy of a file, deep-frozen; null is the shipped default. What the file leaves out is in the one that it extends, in
 * the end the shipped default. Throws `PolicyError`, whose message lists every mistake of one file for the operator.
 *
 * The name of a shipped policy (`strict`) is that policy, unless a file of that name is in the working directory: a path
 * means what it meant before we shipped another one. `./strict` is always the file.
 */
export function loadPolicy(path: string | null): Policy {
  return readPolicy(path).policy;
}

/** The same with its tests, which have not run. */
export function readPolicy(path: string | null): LoadedPolicy {
  if (path === null || (path === defaultName && isShipped(path))) {
    return { policy: complete(defaultName, [shippedDefault()]), source: null };
  }
  if (isShipped(path)) return loaded(path, readShippedChain(path));
  if (isName(path) && !existsSync(path)) throw unknownName(path);
  return loaded(nameOf(path), readChain(parseDocument(readPolicyFile(path), path), path));
}

/**
 * The same of bytes that were already read; `file` is their name in messages and origins, and its ending says the format.
 * They are in no folder, so what they extend has to be shipped.
 */
export function policyFrom(bytes: Uint8Array, file: string): Policy {
  return loaded(nameOf(file), readChain(parseDocument(bytes, file), null)).policy;
}

function loaded(name: string, { layers, files, document, values }: Chain): LoadedPolicy {
  return { policy: complete(name, layers), source: { document, tests: values.tests ?? [], files } };
}

function isShipped(path: string): boolean {
  return shippedNames().includes(path) && statSync(path, { throwIfNoEntry: false })?.isDirectory() !== false;
}

/** Neither a folder nor an ending: likelier the name of a shipped policy than a file. */
function isName(path: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(path);
}

function unknownName(name: string): PolicyError {
  const [meant] = nearestNames(name.slice(0, 64), shippedNames(), 1);
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
  const problem = `there is no such file, nor a shipped policy of that name among ${shippedNames().join(', ')}${hint}`;
  return new PolicyError(name, [{ position: null, pointer: '', problem }]);
}

/** For environs, whose values are latin1 without control characters, while a file's name may be anything. */
function nameOf(file: string): string {
  return parsePath(file).name.replace(/[^\x20-\x7e]/gu, '_');
}

import { existsSync, statSync } from 'node:fs';
import { isAbsolute, parse as parsePath, resolve } from 'node:path';
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
  /** What people call the files of the chain, nearest first; the shipped default last. */
  readonly chain: readonly string[];
};

/**
 * The policy of a file, deep-frozen; null is the shipped default. What the file leaves out is in the one that it extends, in
 * the end the shipped default. Throws `PolicyError`, whose message lists every mistake of one file for the operator.
 *
 * A relative path starts in `directory`. The name of a shipped policy (`strict`) is that policy, unless a file of that name is
 * in `directory`: a path means what it meant before we shipped another one. `./strict` is always the file.
 */
export function loadPolicy(path: string | null, directory = process.cwd()): Policy {
  return readPolicy(path, directory).policy;
}

/** The same with its tests, which have not run. */
export function readPolicy(path: string | null, directory = process.cwd()): LoadedPolicy {
  if (path === null) return { policy: complete(defaultName, [shippedDefault()]), source: null };
  const file = pathIn(directory, path);
  if (isName(path) && !isFile(file)) {
    if (path === defaultName) return readPolicy(null);
    if (shippedNames().includes(path)) return loaded(path, readShippedChain(path));
    if (!existsSync(file)) throw unknownName(path);
  }
  return loaded(nameOf(file), readChain(parseDocument(readPolicyFile(file), file), file));
}

/** As it was given where that leads to the same file: messages and origins have it. */
export function pathIn(directory: string, path: string): string {
  return isAbsolute(path) || directory === process.cwd() ? path : resolve(directory, path);
}

/**
 * The files that make the policy of this one, shipped ones left out, by the paths that lead to them: as far as the chain can
 * be followed, so that the last one may be missing or wrong. Whoever waits for a change waits for theirs.
 */
export function policyFiles(path: string): readonly string[] {
  const files = [path];
  try {
    readChain(parseDocument(readPolicyFile(path), path), path, (file) => files.push(file));
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
  }
  return files;
}

/**
 * The policy of bytes that were already read; `file` is their name in messages and origins, and its ending says the format.
 * They are in no folder, so what they extend has to be shipped.
 */
export function policyFrom(bytes: Uint8Array, file: string): Policy {
  return loaded(nameOf(file), readChain(parseDocument(bytes, file), null)).policy;
}

function loaded(name: string, { layers, files, names, document, values }: Chain): LoadedPolicy {
  const source = { document, tests: values.tests ?? [], files, chain: names };
  return { policy: complete(name, layers), source };
}

/** Anything but a directory: the reader says what is wrong with what is no regular file, or cannot be looked at. */
function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === false;
  } catch {
    return true;
  }
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

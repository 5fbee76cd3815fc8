import { parse as parsePath } from 'node:path';
import { complete } from './complete.ts';
import { readChain, shippedDefault } from './extend.ts';
import type { SourceDocument } from './locate.ts';
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
  /** The files that the policy was read from, by the paths that lead to them. */
  readonly files: readonly string[];
  /** What people call the files of the chain, nearest first; the shipped default last. */
  readonly chain: readonly string[];
};

/**
 * The policy of a file, deep-frozen; the name of a shipped one stands for it, as in `extends`, and null for the shipped default.
 * (A file of that name is reached as `./strict`: what a name means depends on no folder.) What the file leaves out is in the one that it extends, in
 * the end the shipped default. Throws `PolicyError`, whose message lists every mistake of one file for the operator.
 */
export function loadPolicy(path: string | null): Policy {
  return readPolicy(path).policy;
}

/** The same with its tests, which have not run. */
export function readPolicy(path: string | null): LoadedPolicy {
  if (path === null || path === defaultName) {
    return { policy: complete(defaultName, [shippedDefault()]), source: null };
  }
  if (shippedNames().includes(path)) return load(Buffer.from(JSON.stringify({ extends: path })), path, null);
  return load(readPolicyFile(path), path, path);
}

/**
 * The same of bytes that were already read; `file` is their name in messages and origins, and its ending says the format.
 * They are in no folder, so what they extend has to be shipped.
 */
export function policyFrom(bytes: Uint8Array, file: string): Policy {
  return load(bytes, file, null).policy;
}

function load(bytes: Uint8Array, file: string, path: string | null): LoadedPolicy {
  const { layers, files, names, document, values } = readChain(parseDocument(bytes, file), path);
  return {
    policy: complete(nameOf(file), layers),
    source: { document, tests: values.tests ?? [], files, chain: names },
  };
}

/** For environs, whose values are latin1 without control characters, while a file's name may be anything. */
function nameOf(file: string): string {
  return parsePath(file).name.replace(/[^\x20-\x7e]/gu, '_');
}

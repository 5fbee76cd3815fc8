import { basename, dirname, join, relative } from 'node:path';
import { nearestNames } from '../suggestion/nearest-name.ts';
import type { Layer } from './complete.ts';
import { excerpt } from './excerpt.ts';
import { locate, positionAt, positionsIn, type SourceDocument } from './locate.ts';
import { PolicyError } from './mistake.ts';
import type { PolicyFile } from './policy-file.generated.ts';
import { type RateLimitLists, rateLimitConflicts } from './rate-limit-conflict.ts';
import { readPolicyFile, readRealFile, realPathOf } from './read.ts';
import { defaultName, shippedNames, shippedPath } from './shipped.ts';
import { parseDocument } from './source-document.ts';
import { refusalOf, validate } from './validate.ts';

/**
 * A site, its team and its company make three. People have to follow a chain to know what holds, so it is short; and it
 * bounds the work at start to as many files of one megabyte.
 */
const maxFiles = 8;

/** A file that is part of a chain, or is about to be. */
type Source = {
  /** What people call it: the path as the extending files lead to it, or the name of a shipped policy. */
  readonly file: string;
  readonly isShipped: boolean;
  /** What tells files apart, whatever leads to them; null for bytes that came from nowhere. */
  readonly realPath: string | null;
};

type Link = Source & { readonly document: SourceDocument; readonly values: PolicyFile };

/** The files of a policy, nearest first and without the shipped default; what they say, and where it stands. */
export type Chain = {
  readonly layers: readonly Layer[];
  /** Paths of the files that are no shipped ones. */
  readonly files: readonly string[];
  /** What people call all files of it, the shipped default last. */
  readonly names: readonly string[];
  /** The nearest file. */
  readonly document: SourceDocument;
  readonly values: PolicyFile;
};

/**
 * The layers of a policy, nearest first: the document, what it extends, what that extends, and so on to the shipped default.
 * `path` is where the document was read, null for bytes without a place, which can extend shipped policies alone.
 *
 * Throws `PolicyError`. Files are checked one by one from the nearest on, and the first with mistakes ends it. No file outside
 * the folder of `path` is read, so no message can quote one: who may write a policy may not therefore read this machine.
 *
 * `onFile` hears of each file that is not shipped, by the path that leads to it, before anything is asked of the file.
 */
export function readChain(
  document: SourceDocument,
  path: string | null,
  onFile: (path: string) => void = () => {},
): Chain {
  const values = validate(document);
  const realPath = path === null || values.extends === undefined ? null : realPathOf(path);
  return chainFrom({ file: document.file, isShipped: false, realPath, document, values }, path, onFile);
}

/** The same of a shipped policy, from its name. */
export function readShippedChain(name: string): Chain {
  return chainFrom(readShipped(shippedSource(name)), null, () => {});
}

function chainFrom(first: Link, path: string | null, onFile: (path: string) => void): Chain {
  const chain: Link[] = [first];
  for (let last = chain.at(-1); last !== undefined; last = chain.at(-1)) {
    const target = last.values.extends ?? defaultName;
    if (target === defaultName) break;
    const source = isRelative(target) ? inFolder(last, target, path, onFile) : byName(last, target);
    checkChain(chain, last, source);
    chain.push(read(last, source));
  }
  checkRateLimits(chain);
  return {
    layers: [...chain.map(layer), shippedDefault()],
    files: path === null ? [] : chain.flatMap(({ file, isShipped }) => (isShipped ? [] : [file])),
    names: [...chain.map(({ file }) => file), defaultName],
    document: first.document,
    values: first.values,
  };
}

let defaultLayer: Layer | undefined;

/** The layer that has every value. Read once: it belongs to the program, and every policy ends with it. */
export function shippedDefault(): Layer {
  defaultLayer ??= layer(readShipped(shippedSource(defaultName)));
  return defaultLayer;
}

function layer({ document, isShipped, file, values }: Link): Layer {
  return { file: values, originOf: isShipped ? () => file : originsIn(document) };
}

function originsIn(document: SourceDocument): (pointer: string) => string {
  const positionOf = positionsIn(document.text);
  return (pointer) => {
    const { line, column } = positionOf(locate(document, pointer)?.nameStart ?? 0);
    return `${document.file}:${line}:${column}`;
  };
}

/** So that a name is never taken for a path, nor a path for a name that a later version ships. */
function isRelative(target: string): boolean {
  return /^\.\.?\//.test(target);
}

function byName(link: Link, target: string): Source {
  const names = shippedNames();
  if (names.includes(target)) return shippedSource(target);
  const choices = names.map((name) => `"${name}"`).join(', ');
  const problem = `expected ${choices} or a relative path such as "./base.json", found "${excerpt(target)}"`;
  const meant = meantBy(target, names).map((name) => `"${excerpt(name)}"`);
  throw refusal(link, meant.length === 0 ? problem : `${problem}; did you mean ${meant.join(' or ')}?`);
}

/** `strict.json` is a file of the operator's, or the shipped `strict` by the name of its file. */
function meantBy(target: string, names: readonly string[]): readonly string[] {
  const [, stem] = /^([^/]+)\.(?:json|ya?ml)$/i.exec(target) ?? [];
  if (stem === undefined) return nearestNames(target.slice(0, 64), names, 1);
  return names.includes(stem) ? [stem, `./${target}`] : [`./${target}`];
}

function shippedSource(name: string): Source {
  return { file: name, isShipped: true, realPath: realPathOf(shippedPath(name)) };
}

function inFolder(link: Link, target: string, rootPath: string | null, onFile: (path: string) => void): Source {
  if (rootPath === null || link.isShipped) {
    const problem = `expected the name of a shipped policy, because this one is in no folder, found "${excerpt(target)}"`;
    throw refusal(link, problem);
  }
  const folder = dirname(rootPath);
  const file = join(dirname(link.file), target);
  const outside = `expected a file in the folder of ${excerpt(basename(rootPath))} or below, found "${excerpt(target)}"`;
  // Before the file system is asked, so that not even the existence of other files shows.
  if (leaves(folder, file)) throw refusal(link, outside);
  onFile(file);
  const realPath = atExtends(link, file, () => realPathOf(file));
  if (leaves(realPathOf(folder), realPath)) throw refusal(link, `${outside}, which is a link to elsewhere`);
  return { file, isShipped: false, realPath };
}

function leaves(folder: string, path: string): boolean {
  return relative(folder, path).split('/')[0] === '..';
}

/** Before the file is read. */
function checkChain(chain: readonly Link[], link: Link, next: Source): void {
  const names = [...chain, next].map(({ file }) => excerpt(file, 60)).join(' > ');
  if (chain.some(({ realPath }) => realPath === next.realPath)) {
    throw refusal(link, `expected a chain that ends, found ${names}`);
  }
  if (chain.length === maxFiles) throw refusal(link, `expected a chain of at most ${maxFiles} files, found ${names}`);
}

/** Each file is right by itself; here the general limits of one meet the routes of another. */
function checkRateLimits(chain: readonly Link[]): void {
  const general = chain.find(({ values }) => values.rateLimits !== undefined);
  const routed = chain.find(({ values }) => values.routes !== undefined);
  if (general === undefined || routed === undefined || general === routed) return;
  const ofGeneral: RateLimitLists = { rateLimits: general.values.rateLimits ?? [] };
  const ofRoutes: RateLimitLists = { routes: routed.values.routes ?? [] };
  const isGeneralNearer = chain.indexOf(general) < chain.indexOf(routed);
  const problems = isGeneralNearer
    ? [...rateLimitConflicts(ofGeneral, ofRoutes, layer(routed).originOf)]
    : [...rateLimitConflicts(ofRoutes, ofGeneral, layer(general).originOf)];
  if (problems.length > 0) throw refusalOf((isGeneralNearer ? general : routed).document, problems);
}

function read(link: Link, source: Source): Link {
  const { file, realPath, isShipped } = source;
  if (isShipped) return readShipped(source);
  const document = parseDocument(
    atExtends(link, file, () => readRealFile(realPath ?? file)),
    file,
  );
  return { ...source, document, values: validate(document) };
}

/** A shipped policy with a mistake is named by its path: its name alone would lead nowhere. */
function readShipped(source: Source): Link {
  const path = shippedPath(source.file);
  const document = parseDocument(readPolicyFile(path), path);
  return { ...source, document, values: validate(document) };
}

/** A file that cannot be read is a mistake of the one that extends it. */
function atExtends<T>(link: Link, file: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const problems = error.mistakes.map(({ problem }) => problem).join(', ');
    throw refusal(link, `expected a policy file at ${excerpt(file, 200)}: ${problems}`);
  }
}

function refusal({ document }: Link, problem: string): PolicyError {
  const { file, text } = document;
  const offset = locate(document, '/extends')?.node.start ?? 0;
  return new PolicyError(file, [{ position: positionAt(text, offset), pointer: '/extends', problem }], { text });
}

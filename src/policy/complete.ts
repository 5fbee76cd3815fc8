import { deepFreeze } from './freeze.ts';
import type { Policy } from './policy.ts';
import { type Duration, type PolicyFile, policyKeys, type Size } from './policy-file.generated.ts';
import { parseDuration, parseSize, toMilliseconds } from './quantity.ts';

/** A policy file that leaves nothing out of what the server enforces. */
type CompleteFile = Complete<Omit<PolicyFile, AboutTheFile>>;
type AboutTheFile = '$schema' | 'extends';
type Complete<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [Key in keyof T]-?: Complete<T[Key]> }
    : T;

const aboutTheFile: readonly string[] = ['/$schema', '/extends'] satisfies `/${AboutTheFile}`[];

/** One file of a policy. `originOf` says where in it a value stands. */
export type Layer = { readonly file: PolicyFile; readonly originOf: (pointer: string) => string };

/**
 * Puts layers of valid files together, the first that has a value wins (a list is one value), and names every quantity's
 * unit. `name` is what environs call the policy. Throws if no layer has a value: then the shipped default is not the one
 * that belongs to this program.
 */
export function complete(name: string, layers: readonly Layer[]): Policy {
  const origins: Record<string, string> = {};
  const file: Record<string, unknown> = {};
  for (const [pointer, key] of Object.entries(policyKeys)) {
    if (key.kind === 'object' || aboutTheFile.includes(pointer)) continue;
    const path = pointer.split('/').slice(1);
    const layer = layers.find((candidate) => valueAt(candidate.file, path) !== undefined);
    if (layer === undefined) throw new Error(`the shipped default policy lacks ${pointer}`);
    setValue(file, path, valueAt(layer.file, path));
    origins[pointer] = layer.originOf(pointer);
  }
  // Each layer is valid, and together they have every key.
  return deepFreeze(toPolicy(name, file as CompleteFile, origins));
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((part, name) => (isRecord(part) ? part[name] : undefined), value);
}

function setValue(file: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let part = file;
  for (const name of path.slice(0, -1)) {
    const inner = part[name];
    const next: Record<string, unknown> = isRecord(inner) ? inner : {};
    part[name] = next;
    part = next;
  }
  part[path.at(-1) ?? ''] = value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function toPolicy(name: string, file: CompleteFile, origins: Readonly<Record<string, string>>): Policy {
  const { request, timeouts, keepAlive, connections, queue, response } = file;
  const { fields, content } = request;
  return {
    name,
    request: {
      lineBytes: bytes(request.line.maxBytes),
      methods: [...request.methods],
      dotSegments: request.target.dotSegments,
      encodedSlash: request.target.encodedSlash,
      // One host in two letter cases is one host.
      hosts: [...new Set(request.hosts.map((host) => host.toLowerCase()))],
      fieldCount: fields.maxCount,
      fieldBytes: bytes(fields.maxFieldBytes),
      totalFieldBytes: bytes(fields.maxTotalBytes),
      underscores: fields.underscores,
      contentBytes: bytes(content.maxBytes),
      contentMemoryBytes: bytes(content.memoryBytes),
      trailers: request.trailers,
    },
    timeouts: {
      headMs: milliseconds(timeouts.head),
      contentMs: milliseconds(timeouts.content),
      writeMs: milliseconds(timeouts.write),
      queueMs: milliseconds(timeouts.queue),
      workerMs: milliseconds(timeouts.worker),
    },
    keepAlive: { idleMs: milliseconds(keepAlive.idle), maxRequests: keepAlive.maxRequests },
    connections: { max: connections.max },
    queue: { max: queue.max },
    response: { bufferBytes: bytes(response.bufferBytes) },
    origins,
  };
}

function bytes(size: Size): number {
  return typeof size === 'number' ? size : (parseSize(size) ?? invalid(size));
}

function milliseconds(duration: Duration): number {
  return toMilliseconds(typeof duration === 'number' ? duration : (parseDuration(duration) ?? invalid(duration)));
}

function invalid(text: string): never {
  throw new Error(`${text} has passed validation and is no quantity`);
}

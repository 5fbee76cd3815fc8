import { parseJsonDocument } from './json-document.ts';
import type { SourceDocument } from './locate.ts';
import { parseYamlDocument } from './yaml-document.ts';

/** Reads a policy file in the format that its name says: YAML for .yaml and .yml, else JSON. Throws `PolicyError`. */
export function parseDocument(bytes: Uint8Array, file: string): SourceDocument {
  return /\.ya?ml$/i.test(file) ? parseYamlDocument(bytes, file) : parseJsonDocument(bytes, file);
}

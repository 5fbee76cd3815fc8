import { excerpt, withoutCredentials } from '../policy/excerpt.ts';
import { positionAt, type SourceMember } from '../policy/locate.ts';
import { type Mistake, PolicyError } from '../policy/mistake.ts';
import { readPolicyFile } from '../policy/read.ts';
import { repeatedKeys } from '../policy/repeated-key.ts';
import { parseDocument } from '../policy/source-document.ts';
import { type ConfigEntry, type ConfigFile, type EntryMistake, readEntries, unknownName } from './config-entry.ts';
import { noHooks } from './hooks.ts';

const noFunctions = 'a hook is a function, and only a config file that is a module can have one (docs/hooks.md)';

/**
 * Reads a config file in JSON or YAML. Its format, its bounds and the way its mistakes are shown are those of policy files,
 * so it throws `PolicyError`.
 */
export function readConfigDocument(file: string): ConfigFile {
  const document = parseDocument(readPolicyFile(file), file);
  const { root, text } = document;
  if (root.members === undefined) {
    throw new PolicyError(
      file,
      [{ position: positionAt(text, root.start), pointer: '', problem: 'expected an object with settings' }],
      { text },
    );
  }
  const { mistakes, unknown, hooks, ...config } = readEntries(
    root.members.map((member) => entryOf(member, file, text)),
  );
  const found = [
    ...[...repeatedKeys(root)].map(({ pointer, again }) => ({
      position: positionAt(text, again),
      pointer,
      problem: 'expected each key once, found this one again',
    })),
    ...hooks.map(({ entry }) => asMistake({ entry, at: 'name', problem: noFunctions })),
    ...unknown.map((entry) => asMistake({ entry, at: 'name', problem: unknownName(entry) })),
    // A repeated key is reported as such.
    ...mistakes.filter(({ problem, entry }) => problem !== `this is another name of ${entry.name}`).map(asMistake),
  ].sort((left, right) => order(left) - order(right));
  if (found.length > 0) throw new PolicyError(file, found, { text });
  return { ...config, hooks: noHooks, workerHooks: [] };
}

function entryOf({ name, nameStart, node }: SourceMember, file: string, text: string): ConfigEntry {
  const place = { name: positionAt(text, nameStart), value: positionAt(text, node.start) };
  const shown =
    node.start === node.end
      ? 'nothing'
      : excerpt(withoutCredentials(text.slice(node.start, Math.min(node.end, node.start + 1000))));
  return { name, value: node.value, shown, origin: `${file}:${place.name.line}:${place.name.column}`, place };
}

function asMistake({ entry, at, problem }: EntryMistake): Mistake {
  return { position: entry.place?.[at] ?? null, pointer: `/${entry.name}`, problem };
}

function order({ position }: Mistake): number {
  return position === null ? 0 : position.line * 1e6 + position.column;
}

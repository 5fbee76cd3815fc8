import { policyKeys } from '../policy/policy-file.generated.ts';
import type { ConfigEntry } from './config-entry.ts';
import type { PythonConfigExamined } from './config-python.ts';
import { isOverriding, overridingSettings } from './policy-overrides.ts';
import type { GivenTexts } from './precedence.ts';
import { type SettingName, settingOf } from './settings.ts';
import { yamlText } from './yaml-text.ts';

/** What the written policy extends. */
const extendedPolicy = 'default';

export type Imported = {
  readonly configText: string;
  readonly policyText: string;
  /** What the files do not say, each with its place and the reason. */
  readonly lost: readonly string[];
};

/**
 * A config file of Gunicorn's as a config file and a policy. Limits and time-outs go to the policy, except for values that no
 * policy can have, such as a limit of 0: as settings they mean what they mean in Gunicorn. `policyPath` is where the config
 * finds the policy.
 */
export function importGunicorn(shown: string, file: PythonConfigExamined, policyPath: string): Imported {
  const settings: string[] = file.app === null ? [] : [line('app', file.app)];
  let policy: Branch = { extends: extendedPolicy };
  for (const [name, given] of file.settings) {
    const path = policyPathOf(name, given);
    if (path === undefined) settings.push(line(name, given));
    else policy = grown(policy, path, yamlValue(name, given));
  }
  const head = `# From ${commentText(shown)}; each line says where it was.`;
  return {
    configText: [head, `policy: ${yamlText(policyPath)}`, ...settings, ''].join('\n'),
    policyText: [head, ...yamlLines(policy), ''].join('\n'),
    lost: [
      ...file.mistakes.map(({ entry, problem }) => lostLine(entry, problem)),
      ...file.workerHooks.map((entry) =>
        lostLine(entry, 'this hook is Python, and hooks of ours are functions of a module (docs/hooks.md)'),
      ),
      ...file.warnings,
    ],
  };
}

function lostLine({ origin, name }: ConfigEntry, problem: string): string {
  return `${origin}: ${name}: ${problem}`;
}

function line(name: SettingName | 'app', given: GivenTexts): string {
  return `${name}: ${yamlValue(name, given)}`;
}

/** With its comment. */
function yamlValue(name: SettingName | 'app', { texts, origin }: GivenTexts): string {
  const isList = name !== 'app' && settingOf(name).repeatable === true;
  const values = texts.map(yamlText);
  return `${isList ? `[${values.join(', ')}]` : values[0]} # ${commentText(origin)}`;
}

/** The segments of the pointer, where a policy file can have the value. */
function policyPathOf(name: SettingName, { texts }: GivenTexts): readonly string[] | undefined {
  if (!isOverriding(name)) return undefined;
  const pointer = overridingSettings[name];
  const key = policyKeys[pointer];
  const value = Number(texts[0]);
  const fits = 'minimum' in key && value >= key.minimum && value <= key.maximum;
  return fits ? pointer.split('/').slice(1) : undefined;
}

/** A policy file as it is being made: objects by key, and values as YAML with their comment. */
type Branch = { readonly [key: string]: Branch | string };

function grown(branch: Branch, [key = '', ...rest]: readonly string[], leaf: string): Branch {
  const inner = branch[key];
  if (rest.length === 0) return { ...branch, [key]: leaf };
  return { ...branch, [key]: grown(typeof inner === 'object' ? inner : {}, rest, leaf) };
}

function yamlLines(branch: Branch, indent = ''): readonly string[] {
  return Object.entries(branch).flatMap(([key, inner]) =>
    typeof inner === 'string'
      ? [`${indent}${key}: ${inner}`]
      : [`${indent}${key}:`, ...yamlLines(inner, `${indent}  `)],
  );
}

/** One line, whatever the file is called. */
function commentText(origin: string): string {
  return origin.replace(/[^\x20-\x7e]/g, '?');
}

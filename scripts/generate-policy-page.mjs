import { parse } from 'jsonc-parser';
import { withoutReferences } from './generate-policy-file.mjs';

/**
 * docs/policy.md: what people wrote about the language (scripts/policy-introduction.md), with the parts in it that are known
 * elsewhere: the shipped policies, which rules can be observed, and every key of the schema.
 */
export function generatePolicyPage({ introduction, schema, rules, isObservable, whyEnforced, policies }) {
  const ids = Object.keys(rules);
  const parts = {
    'shipped policies': shippedTable(policies),
    'observable rules': observableTable(ids.filter(isObservable), rules),
    'enforced rules': enforcedTable(
      ids.filter((id) => !isObservable(id)),
      whyEnforced,
    ),
    'every key': keyReference(withoutReferences(schema, schema.$defs), rules),
  };
  return Object.entries(parts).reduce((text, [name, part]) => {
    const marker = `<!-- ${name} -->`;
    if (text.split(marker).length !== 2) throw new Error(`scripts/policy-introduction.md has to have ${marker} once`);
    return text.replace(marker, () => part);
  }, introduction);
}

/** The first sentence of a policy's comment says what it is for. */
function shippedTable(policies) {
  const base = leavesOf(parse(policies.default));
  const rows = Object.entries(policies).map(([name, text]) => {
    const purpose = /^\/\/ ([^.:]+)/.exec(text)?.[1] ?? '';
    const own = leavesOf(parse(text)).filter((leaf) => !base.includes(leaf));
    return `| [\`${name}\`](../policies/${name}.json) | ${purpose} | ${name === 'default' ? 'every value' : own.join(', ')} |`;
  });
  return ['| name | for | differs from `default` in |', '|---|---|---|', ...rows].join('\n');
}

function leavesOf(part, pointer = '') {
  const { $schema, extends: base, tests, ...values } = part;
  return Object.entries(values).flatMap(([name, value]) => {
    const inner = pointer === '' ? name : `${pointer}.${name}`;
    if (name === 'rateLimits') return value.length === 0 ? [] : [`\`${inner}\` ${value.map(limitText).join(', ')}`];
    if (Array.isArray(value))
      return [`\`${inner}\` ${value.length > 7 ? `(${value.length} of them)` : value.join(' ')}`];
    return typeof value === 'object' ? leavesOf(value, inner) : [`\`${inner}\` ${value}`];
  });
}

function limitText({ name, requests, per }) {
  return `${name} (${requests} per ${per})`;
}

function observableTable(ids, rules) {
  const rows = ids.map((id) => `| ${ruleLink(id)} | ${keyLink(rules[id].pointer)} |`);
  return ['| rule | its key |', '|---|---|', ...rows].join('\n');
}

/** Rules with the same reason in one row. */
function enforcedTable(ids, whyEnforced) {
  const idsOf = new Map();
  for (const id of ids) idsOf.set(whyEnforced(id), [...(idsOf.get(whyEnforced(id)) ?? []), id]);
  const rows = [...idsOf].map(([why, same]) => `| ${same.map(ruleLink).join(', ')} | ${why} |`);
  return ['| rule | because |', '|---|---|', ...rows].join('\n');
}

function keyReference(schema, rules) {
  const keys = [...keysOf(schema, '')];
  const general = keys.filter(({ pointer }) => pointer !== '' && !pointer.includes('/*'));
  const ofRoutes = new Set(keys.map(({ pointer }) => pointer.replace(/^\/routes\/\*/, '')).filter(isRepeated));
  const shown = general.filter(({ pointer }) => !pointer.startsWith('/rules/'));
  return [
    overview(shown, ofRoutes),
    ...shown.map((key) => section(key, general, rules, ofRoutes)),
    '### In a route',
    'These keys say which requests it takes. Beside them stands any key that *route* is said of above.',
    members('/routes/*', keys, (inner) => !ofRoutes.has(`/${inner}`)),
    '### In a test',
    members('/tests/*', keys, () => true),
    '### In a rate limit',
    members('/rateLimits/*', keys, () => true),
  ].join('\n\n');
}

/** What a route may say is a key of the policy once more. */
function isRepeated(pointer, index, pointers) {
  return pointers.indexOf(pointer) !== index;
}

function* keysOf(part, pointer) {
  yield { pointer, part };
  for (const [name, property] of Object.entries(part.properties ?? {})) yield* keysOf(property, `${pointer}/${name}`);
  if (part.items?.properties !== undefined) yield* keysOf(part.items, `${pointer}/*`);
}

/** The modes of single rules differ in nothing but the rule: they are one key here. */
function isLeaf({ pointer, part }) {
  return part.properties === undefined || pointer === '/rules';
}

function overview(keys, ofRoutes) {
  const rows = keys.filter(isLeaf).map(({ pointer, part }) => {
    return `| ${keyLink(pointer)} | ${defaultText(part)} | ${ofRoutes.has(pointer) ? 'route' : ''} |`;
  });
  return ['| key | default | |', '|---|---|---|', ...rows].join('\n');
}

function section(key, general, rules, ofRoutes) {
  const { pointer, part } = key;
  const heading = `<a id="${anchor(pointer)}"></a>\n${isLeaf(key) ? '####' : '###'} ${pointer}`;
  if (!isLeaf(key)) return `${heading}\n\n${part.description}`;
  const decides = Object.keys(rules).filter((id) => isDecidedBy(rules[id].pointer, key, general));
  const facts = [
    `${capital(typeText(part))}.`,
    part.default === undefined ? '' : `Default: ${defaultText(part)}.`,
    ofRoutes.has(pointer) ? 'May be said on a route.' : '',
    decides.length === 0 ? '' : `Decides on ${sentenceList(decides.map(ruleLink))}.`,
  ];
  return `${heading}\n\n${facts.filter((fact) => fact !== '').join(' ')}\n\n${part.description}`;
}

/** A rule points at a value, or at an object whose values decide together: if some of them are limits, those. */
function isDecidedBy(ruled, { pointer, part }, general) {
  if (ruled === null || pointer === ruled) return pointer === ruled;
  if (!pointer.startsWith(`${ruled}/`)) return false;
  const hasLimits = general.some((other) => other.pointer.startsWith(`${ruled}/`) && other.part.unit !== undefined);
  return !hasLimits || part.unit !== undefined;
}

/** The keys that are only in elements of a list, in one table. */
function members(prefix, keys, isOwn) {
  const rows = keys.flatMap(({ pointer, part }) => {
    const inner = pointer.slice(prefix.length + 1);
    if (!pointer.startsWith(`${prefix}/`) || part.properties !== undefined || !isOwn(inner)) return [];
    return [`| \`${inner.replaceAll('/', '.')}\` | ${typeText(part)} | ${capital(part.description)} |`];
  });
  return ['| key | value | |', '|---|---|---|', ...rows].join('\n');
}

function typeText(part) {
  const { type, unit, minimum, maximum } = part;
  if (part.title) return part.title;
  if (part.properties !== undefined) return `an object of rules, each ${typeText(Object.values(part.properties)[0])}`;
  if (part.enum?.length > 4) return 'the id of a rule that can be observed';
  if (part.enum) return part.enum.map((value) => `\`${value}\``).join(' or ');
  if (unit === 'bytes') return `a size from ${size(minimum)} to ${size(maximum)}`;
  if (unit === 'bytes a second') return `a rate from 0 to ${size(maximum)}/s`;
  if (unit === 'seconds') return `a duration from ${minimum === 0 ? '0' : duration(minimum)} to ${duration(maximum)}`;
  if (type === 'integer') return `a whole number${unit ? ` of ${unit}` : ''} from ${minimum} to ${maximum}`;
  if (type === 'array') return `a list of ${part.minItems ? '1' : '0'} to ${part.maxItems}${elements(part.items)}`;
  if (type === 'object') return `an object of at most ${part.maxProperties} keys`;
  return `a string of at most ${part.maxLength} characters`;
}

function elements({ properties, description }) {
  return properties === undefined ? `, each ${description}` : '';
}

function defaultText(part) {
  if (part.default === undefined) return '';
  if (Array.isArray(part.default)) return part.default.length === 0 ? 'empty' : part.default.join(' ');
  return `\`${part.default}\``;
}

function size(bytes) {
  const power = [4, 3, 2, 1].find((candidate) => bytes % 1024 ** candidate === 0);
  if (power === undefined) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  return `${bytes / 1024 ** power} ${['KiB', 'MiB', 'GiB', 'TiB'][power - 1]}`;
}

function duration(seconds) {
  if (seconds < 1) return `${seconds * 1000} ms`;
  return seconds % 86_400 === 0 ? `${seconds / 86_400} days` : `${seconds} s`;
}

function keyLink(pointer) {
  return `[\`${pointer}\`](#${anchor(pointer)})`;
}

function ruleLink(id) {
  return `[\`${id}\`](rules.md#${id.replace('.', '-')})`;
}

function sentenceList(items) {
  if (items.length < 2) return items.join('');
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

function anchor(pointer) {
  return `key${pointer.replace(/[^A-Za-z]+/g, '-').toLowerCase()}`;
}

function capital(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

import { readFileSync } from 'node:fs';
import { policyKeys } from '../../src/policy/policy-file.generated.ts';
import type { PolicyKey } from '../../src/policy/policy-key.ts';
import type { Seed } from './cases.ts';

/** Of each key the values at and around its bounds; some that no key allows. */
function valuesOf(key: PolicyKey): readonly unknown[] {
  switch (key.kind) {
    case 'object':
      return [{}, null];
    case 'size':
      return [key.minimum, key.maximum, key.maximum + 1, '64KiB', '1MB', '0B'];
    case 'duration':
      return [key.minimum, key.maximum, 0, 0.0004, 1.0005, '1.5m', '500ms', '24d', '0s'];
    case 'count':
      return [key.minimum, key.maximum, key.maximum + 1, 1.5, -1];
    case 'choice':
      return [...key.values, key.values[0]?.toUpperCase()];
    case 'list':
      return [[], key.values, ['GET', 'GET'], ['Example.com', '*.example.com', '[::1]', '192.0.2.1'], ['a!']];
    case 'objects':
      return [[], [{}], [1]];
    case 'map':
      return [{}, { REQUEST_METHOD: 'GET', HTTP_X: null }, { a: 1 }];
    case 'text':
      return ['./policy.schema.json', 1];
  }
}

const broken = [
  '',
  '// nothing yet\n',
  '[]',
  'null',
  '"policy"',
  '{ "queue": { "max": 3, } }',
  '{ "queue": { "max": 3 } } }',
  '{ queue: { max: 3 } }',
  "{ 'queue': 1 }",
  '{ "queue" { "max": 3 } }',
  '{ "queue": { "max": 1e999 } }',
  '{ "queue": { "max": 01 } }',
  '{ "queue": { "max": - } }',
  '{ "queue": 1 "response": 2 }',
  '{ "queue": { "max": 3 }, "queue": { "max": 4 } }',
  '{ "requst": {}, "request": { "maxBytes": 1, "line": { "max_bytes": 1 } } }',
  '{ "__proto__": { "queue": 1 }, "constructor": { "prototype": { "a": 1 } } }',
  '{ "request": { "__proto__": { "line": { "maxBytes": 1 } } } }',
  '{ "a/~\u202e\\u0000\\n\\uD83D": 1 }',
  '{ "a": "\\x", "b": "\\u12", "c": "\t" }',
  '{ "a": "line\nend" }',
  '/* no end',
  '{ "request": { "hosts": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]] } }',
  '\ufeff{\r\n  /* of the\r\n  site */ "$schema": "x",\r  "queue": { "max": 3 }\r\n}\r\n// end',
  '{ "request": { "hosts": ["\u{1f600}.example", "\u0430.example"] } }',
];

/** The shipped default, a file for each key and value, and files that are none. */
export function seeds(): Seed[] {
  const files = Object.entries(policyKeys).flatMap(([pointer, key]) =>
    valuesOf(key).map((value) => JSON.stringify(fileWith(pointer, value), null, 1)),
  );
  const whole = readFileSync(new URL('../../policies/default.json', import.meta.url));
  const short = whole.toString().replace(/^\s*\/\/.*\n/gm, '');
  return [
    whole,
    ...[short, ...files, ...broken].map((text) => Buffer.from(text)),
    Buffer.from('\ufeff{}', 'utf16le'),
  ].map((bytes, index) => ({ name: `${index}`, bytes }));
}

function fileWith(pointer: string, value: unknown): unknown {
  const names = pointer.split('/').slice(1);
  return names.reduceRight<unknown>((inner, name) => (name === '*' ? [inner] : { [name]: inner }), value);
}

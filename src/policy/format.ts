import { addressText } from '../inspect/address-text.ts';
import { type AddressBlock, parseAddress, parseBlock } from '../inspect/client-address.ts';
import { patternProblem } from '../inspect/path-pattern.ts';
import { excerpt } from './excerpt.ts';
import type { SourceNode } from './locate.ts';
import type { Problem } from './validate.ts';

/**
 * Texts whose grammar a pattern of the schema cannot say: addresses, CIDR blocks and paths. They are read by the code that
 * the server reads them with. Whatever else is wrong with the file, and however it is built.
 */
export function* formatProblems(root: SourceNode): Generator<Problem> {
  yield* blockProblems(at(root, 'clients'), '/clients');
  for (const [index, route] of (at(root, 'routes')?.elements ?? []).entries()) {
    yield* blockProblems(at(route, 'clients'), `/routes/${index}/clients`);
    yield* textProblems(at(route, 'path'), `/routes/${index}/path`, pathProblem);
  }
  for (const [index, test] of (at(root, 'tests')?.elements ?? []).entries()) {
    yield* textProblems(at(test, 'from'), `/tests/${index}/from`, addressProblem);
  }
}

function* blockProblems(clients: SourceNode | undefined, pointer: string): Generator<Problem> {
  for (const list of ['allow', 'deny', 'trustedProxies']) {
    for (const [index, element] of (at(clients, list)?.elements ?? []).entries()) {
      yield* textProblems(element, `${pointer}/${list}/${index}`, blockProblem);
    }
  }
}

/** What is no text is a mistake that the schema tells. */
function* textProblems(
  node: SourceNode | undefined,
  pointer: string,
  problemOf: (text: string) => string | undefined,
): Generator<Problem> {
  if (typeof node?.value !== 'string') return;
  const problem = problemOf(node.value);
  if (problem !== undefined) yield { pointer, problem };
}

function at(node: SourceNode | undefined, name: string): SourceNode | undefined {
  return node?.members?.findLast((member) => member.name === name)?.node;
}

function blockProblem(text: string): string | undefined {
  const block = parseBlock(text);
  const expected = 'expected an address such as 192.0.2.1 or a block such as 192.0.2.0/24 or 2001:db8::/32';
  if (block === undefined) return `${expected}, found "${excerpt(text)}"`;
  if (!block.hasHostBits) return undefined;
  return `expected a block whose address ends where its prefix does, found "${excerpt(text)}"; did you mean "${formatBlock(block)}" or "${text.slice(0, text.indexOf('/'))}"?`;
}

function formatBlock({ first, prefixLength }: AddressBlock): string {
  return `${addressText(first)}/${prefixLength}`;
}

function addressProblem(text: string): string | undefined {
  if (parseAddress(text) !== undefined) return undefined;
  return `expected an address such as 192.0.2.1 or 2001:db8::1, found "${excerpt(text)}"`;
}

function pathProblem(text: string): string | undefined {
  const problem = patternProblem(text);
  return problem === undefined
    ? undefined
    : `expected a path such as /admin or /admin/*, found "${excerpt(text)}", which ${problem}`;
}

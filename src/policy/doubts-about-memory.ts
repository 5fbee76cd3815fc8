import { saidPointer } from './origin.ts';
import type { PartialValues, Policy, PolicyValues } from './policy.ts';
import type { PolicyInForce } from './policy-in-force.ts';
import { formatSize } from './quantity.ts';
import type { Problem } from './validate.ts';

/** What an idle connection costs, which the budget leaves out: measured, in docs/performance.md. */
const idleBytes = 4096;

/** What one edge may need, against what there is. Only where a file says one of the numbers: the manual explains ours. */
export function doubtsAboutMemory(inForce: PolicyInForce, memoryBytes: number): readonly Problem[] {
  return [...doubtsAboutMachine(inForce.policy, memoryBytes), ...doubtsAboutOneConnection(inForce)];
}

function doubtsAboutMachine(policy: Policy, memoryBytes: number): readonly Problem[] {
  const { memory, connections } = policy;
  const pointer = saidPointer(policy, ['/memory/budgetBytes', '/connections/max']);
  const most = memory.budgetBytes + connections.max * idleBytes;
  if (most <= memoryBytes || pointer === undefined) return [];
  const problem = `${mebibytes(memory.budgetBytes)} for what waits, and ${connections.max} connections of some 4 KiB each, make ${mebibytes(most)} in one edge, and there are ${mebibytes(memoryBytes)}`;
  return [{ pointer, problem }];
}

/** A budget that one connection could use up by itself protects nobody from it, and would end it in the middle. */
function doubtsAboutOneConnection({ policy, headLimits }: PolicyInForce): readonly Problem[] {
  const { request, response, memory } = policy;
  // Which route takes a head is not known while it is received: any client may take the room of the most generous one.
  const { lineBytes, totalFieldBytes } = headLimits;
  const ofOne = lineBytes + totalFieldBytes + request.contentMemoryBytes + response.bufferBytes;
  const pointer = saidPointer(policy, ['/memory/budgetBytes', '/response/bufferBytes', '/request/content/memoryBytes']);
  if (ofOne <= memory.budgetBytes || pointer === undefined) return [];
  const problem = `one connection may keep ${mebibytes(ofOne)} waiting (a head, its content, a response), and all together only ${mebibytes(memory.budgetBytes)} (memory.budgetBytes): it is ended by memory.exhausted, though it keeps to every other limit`;
  return [{ pointer, problem }];
}

/** Content that has to be there whole, of which nobody could ever send as much as is allowed. */
export function doubtsAboutSpool(policy: Policy, { request }: PolicyValues, said: PartialValues): readonly Problem[] {
  const { contentBytes, contentMemoryBytes, delivery } = request;
  const { maxBytes } = policy.spool;
  if (delivery !== 'complete' || contentBytes <= Math.max(maxBytes, contentMemoryBytes)) return [];
  if ((said.request?.contentBytes ?? said.request?.delivery) === undefined) return [];
  const ofContent =
    said.request?.contentBytes === undefined ? '/request/content/delivery' : '/request/content/maxBytes';
  const pointer = said === policy ? (saidPointer(policy, [ofContent, '/spool/maxBytes']) ?? ofContent) : ofContent;
  const problem = `content of ${formatSize(contentBytes)} is allowed, and files may take ${formatSize(maxBytes)} (spool.maxBytes): with delivery "complete" what is longer is refused by spool.full, when that much of it has come`;
  return [{ pointer, problem }];
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0)} MiB`;
}

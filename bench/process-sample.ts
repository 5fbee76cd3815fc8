import { openDescriptors, processTree, programName, residentBytes } from './process-usage.ts';

/** What one process of a server holds at one moment. */
export type ProcessSample = {
  readonly pid: number;
  readonly name: string;
  readonly residentBytes: number;
  readonly descriptors: number;
};

/** All processes of a server; one that ends meanwhile is left out. */
export function sampleProcesses(roots: readonly number[]): readonly ProcessSample[] {
  return roots.flatMap(treeOf).flatMap(sampleProcess);
}

function treeOf(root: number): readonly number[] {
  try {
    return processTree(root);
  } catch {
    return [];
  }
}

function sampleProcess(pid: number): readonly ProcessSample[] {
  try {
    return [{ pid, name: programName(pid), residentBytes: residentBytes(pid), descriptors: openDescriptors(pid) }];
  } catch {
    return [];
  }
}

/** In the order in which they run: the parser first, while this process has compiled nothing else. */
export const quickSectionNames = [
  'parser',
  'throughput',
  'policy',
  'protections',
  'new-connections',
  'latency',
  'idle-connections',
  'transfers',
] as const;

/** The long ones run only when they are asked for. */
export const sectionNames = [...quickSectionNames, 'wsgi', 'logging', 'hostile', 'soak', 'lives'] as const;

export type SectionName = (typeof sectionNames)[number];

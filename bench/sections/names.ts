/** In the order in which they run: the parser first, while this process has compiled nothing else. */
export const sectionNames = [
  'parser',
  'throughput',
  'policy',
  'new-connections',
  'latency',
  'idle-connections',
  'transfers',
] as const;

export type SectionName = (typeof sectionNames)[number];

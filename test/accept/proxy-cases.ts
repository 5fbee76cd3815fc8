import type { ProxyVersion } from '../../src/accept/proxy-protocol.ts';
import type { RuleId } from '../../src/rejection/rules.ts';
import { readCases } from '../support/cases.ts';

/** What a connection of a trusted proxy begins with. */
export type ProxyCase = {
  readonly behaviour: string;
  readonly source: string;
  readonly version: ProxyVersion;
  readonly header: string;
  /** Left out where the proxy names nobody, or is refused. */
  readonly client?: string;
  readonly port?: string;
  readonly rejected?: RuleId;
};

export const proxyCases = readCases<ProxyCase>('proxy-protocol.cases.json', import.meta.url);

import { AddressSet } from '../inspect/address-set.ts';
import { saidPointer } from './origin.ts';
import type { JailPolicy, PartialValues, Policy } from './policy.ts';
import { formatDuration } from './quantity.ts';
import type { Problem } from './validate.ts';

/** Of one place, general or a route: who is let in, and how many requests may come. */
export function doubtsAboutClients({ clients, rateLimits }: PartialValues): readonly Problem[] {
  const lists = (['allow', 'deny'] as const).flatMap((list) => {
    const whom = familiesIn(clients?.[list] ?? []);
    return whom === '' ? [] : [{ pointer: `/clients/${list}`, problem: `${list} holds ${whom}` }];
  });
  return [...lists, ...doubtsAboutRateLimits(rateLimits ?? [])];
}

/** Who is believed, and what becomes of those who collect refusals: both are general. */
export function doubtsAboutTrust(policy: Policy): readonly Problem[] {
  return [...doubtsAboutProxies(policy), ...doubtsAboutJail(policy)];
}

/** Where a field alone counts, whoever writes a new value into it is a new client. */
function doubtsAboutRateLimits(limits: NonNullable<PartialValues['rateLimits']>): readonly Problem[] {
  const isByField = ({ key }: { readonly key: string }): boolean => key.startsWith('header:');
  const first = limits.find(isByField);
  if (first === undefined || !limits.every(isByField)) return [];
  const field = first.key.slice('header:'.length);
  const problem = `${first.name} counts for each ${field}, and no limit for each client: one that invents values of ${field} is held by nothing`;
  return [{ pointer: '/rateLimits', problem }];
}

function doubtsAboutProxies(policy: Policy): readonly Problem[] {
  const { trusted, hops, fields, protocol } = policy.proxies;
  const whom = familiesIn(trusted);
  if (whom !== '') {
    const problem = `trustedProxies holds ${whom}: each of these clients may say who it is, and pass for any other`;
    return [{ pointer: '/clients/trustedProxies', problem }];
  }
  if (trusted.length > 0) return [];
  const idle: readonly (readonly [pointer: string, isSaid: boolean])[] = [
    ['/clients/trustedHops', hops > 1],
    ['/clients/forwardedFields', fields !== 'x-forwarded'],
    ['/clients/proxyProtocol', protocol !== 'off'],
  ];
  const problem = 'it has no effect: nobody is among trustedProxies';
  return idle.flatMap(([pointer, isSaid]) => (isSaid ? [{ pointer, problem }] : []));
}

const scores = ['malformedScore', 'forbiddenScore', 'tooLargeScore', 'tooSlowScore', 'tooManyScore'] as const;

function doubtsAboutJail(policy: Policy): readonly Problem[] {
  const { jail } = policy;
  const pointersOf = (names: readonly (keyof JailPolicy)[]): readonly string[] => names.map((name) => `/jail/${name}`);
  if (jail.maxScore === 0) {
    // A file that says it means it, whatever those behind it say.
    if (saidPointer(policy, ['/jail/maxScore']) !== undefined) return [];
    const pointer = saidPointer(policy, ['/jail/decay', '/jail/block', ...pointersOf(scores)]);
    return pointer === undefined
      ? []
      : [{ pointer, problem: 'it has no effect: with a maxScore of 0 nobody is blocked' }];
  }
  const highest = scores.reduce((most, name) => (jail[name] > jail[most] ? name : most));
  if (jail[highest] > 0 && jail[highest] < jail.maxScore) return [];
  const pointer = saidPointer(policy, pointersOf(['maxScore', highest])) ?? '/jail/maxScore';
  const problem =
    jail[highest] === 0
      ? `no refusal counts, so that nobody reaches a maxScore of ${jail.maxScore}`
      : `one refusal is enough (${highest} ${jail[highest]}, maxScore ${jail.maxScore}): who makes one mistake is blocked for ${formatDuration(jail.blockMs / 1000)}, and so are all behind the same address`;
  return [{ pointer, problem }];
}

/** The families of which a list has every address, in words; empty: none. */
function familiesIn(blocks: readonly string[]): string {
  if (blocks.length === 0) return '';
  const set = new AddressSet(blocks);
  const families = (['ipv4', 'ipv6'] as const).filter((family) => set.coversAll(family));
  return families.map((family) => (family === 'ipv4' ? 'every IPv4 address' : 'every IPv6 address')).join(' and ');
}

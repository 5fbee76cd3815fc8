import { AddressSet } from '../inspect/address-set.ts';
import { withValues } from './effective.ts';
import { excerpt } from './excerpt.ts';
import { originOf } from './origin.ts';
import type { PartialValues, Policy, PolicyValues } from './policy.ts';
import type { PolicyInForce } from './policy-in-force.ts';
import { formatDuration, formatSize } from './quantity.ts';

/** Something that a valid policy says and its author can hardly have meant. */
export type Doubt = {
  /** Empty: the whole policy. */
  readonly pointer: string;
  readonly origin: string;
  readonly problem: string;
};

/** For people, in one line. */
export function doubtText({ pointer, origin, problem }: Doubt): string {
  return [excerpt(origin, 200), pointer, problem].filter((part) => part !== '').join(': ');
}

/** `memoryBytes` is what this machine, or the container, has. */
export function doubtsAbout(inForce: PolicyInForce, memoryBytes: number): readonly Doubt[] {
  const { policy } = inForce;
  const general = doubtsAboutValues(policy, policy);
  const ofRoutes = policy.routes.flatMap(({ values }, index) =>
    doubtsAboutValues(withValues(policy, values), values).map((doubt) => ({
      ...doubt,
      pointer: `/routes/${index}${doubt.pointer}`,
    })),
  );
  const found = [...general, ...doubtsAboutRoutes(policy), ...doubtsAboutMemory(inForce, memoryBytes), ...ofRoutes];
  return found.map(({ pointer, problem }) => ({ pointer, origin: originOf(policy, pointer), problem }));
}

type Unplaced = Omit<Doubt, 'origin'>;

/** `values` are what holds; `said` is what one place says itself, and only that is doubted there. */
function doubtsAboutValues(values: PolicyValues, said: PartialValues): readonly Unplaced[] {
  return [...doubtsAboutTimeouts(values, said), ...doubtsAboutFields(values, said), ...doubtsAboutClients(said)];
}

function doubtsAboutTimeouts({ timeouts }: PolicyValues, said: PartialValues): readonly Unplaced[] {
  if (timeouts.headMs <= timeouts.contentMs || said.timeouts?.contentMs === undefined) return [];
  // No route has a deadline of its own for a head.
  const pointer = said.timeouts.headMs === undefined ? '/timeouts/content' : '/timeouts/head';
  const problem = `a head may take ${duration(timeouts.headMs)}, while content may pause for ${duration(timeouts.contentMs)} only; the head is what Slowloris draws out`;
  return [{ pointer, problem }];
}

function doubtsAboutFields({ request }: PolicyValues, said: PartialValues): readonly Unplaced[] {
  const { fieldBytes, totalFieldBytes } = said.request ?? {};
  if (request.fieldBytes <= request.totalFieldBytes || (fieldBytes ?? totalFieldBytes) === undefined) return [];
  const pointer = fieldBytes === undefined ? '/request/fields/maxTotalBytes' : '/request/fields/maxFieldBytes';
  const problem = `one field line may have ${formatSize(request.fieldBytes)}, all together only ${formatSize(request.totalFieldBytes)} (maxTotalBytes): a line between the two is refused by fields.too-large`;
  return [{ pointer, problem }];
}

function doubtsAboutClients({ clients }: PartialValues): readonly Unplaced[] {
  return (['allow', 'deny'] as const).flatMap((list) => {
    const blocks = clients?.[list] ?? [];
    if (blocks.length === 0) return [];
    const set = new AddressSet(blocks);
    const families = (['ipv4', 'ipv6'] as const).filter((family) => set.coversAll(family));
    const whom = families.map((family) => (family === 'ipv4' ? 'every IPv4 address' : 'every IPv6 address'));
    return whom.length === 0 ? [] : [{ pointer: `/clients/${list}`, problem: `${list} holds ${whom.join(' and ')}` }];
  });
}

/** Ways around a route, to what others behind take for the same thing. */
function doubtsAboutRoutes({ request, routes }: Policy): readonly Unplaced[] {
  const doubts: Unplaced[] = [];
  const places = [
    { at: '', target: request },
    ...routes.map(({ values }, index) => ({ at: `/routes/${index}`, target: values.request ?? {} })),
  ];
  for (const { at, target } of routes.some(({ path }) => path !== null) ? places : []) {
    if (target.dotSegments === 'keep') {
      const problem =
        'with "keep", GET /a/../b takes the route of /a/*, whatever an application makes of it: routes can be dodged';
      doubts.push({ pointer: `${at}/request/target/dotSegments`, problem });
    }
    if (target.encodedSlash === 'decode') {
      const problem =
        'with "decode", GET /a%2Fb takes the route of /a/b, and GET /a%5Cb none of /a/*, whatever an application makes of them: routes can be dodged';
      doubts.push({ pointer: `${at}/request/target/encodedSlash`, problem });
    }
  }
  if (request.hosts.length === 0 && routes.some(({ hosts }) => hosts !== null)) {
    const problem =
      'there are routes for some hosts, and any host is served: a request that names another one, or none in HTTP/1.0, goes around them';
    doubts.push({ pointer: '/request/hosts', problem });
  }
  return doubts;
}

/** Only where a file says one of the numbers: the shipped ones are a choice that the manual explains. */
function doubtsAboutMemory({ policy, headLimits }: PolicyInForce, memoryBytes: number): readonly Unplaced[] {
  const { request, connections, response } = policy;
  // Which route takes a head is not known while it is received: any client may take the room of the most generous one.
  const { lineBytes, totalFieldBytes } = headLimits;
  const ofOne = lineBytes + totalFieldBytes + request.contentMemoryBytes + response.bufferBytes;
  const most = ofOne * connections.max;
  const generous = policy.routes.findIndex(({ values }) => values.request?.totalFieldBytes === totalFieldBytes);
  const pointers = [
    '/connections/max',
    '/response/bufferBytes',
    '/request/content/memoryBytes',
    '/request/fields/maxTotalBytes',
    `/routes/${generous}/request/fields/maxTotalBytes`,
  ];
  const said = pointers.find((pointer) => policy.origins[pointer]?.includes(':') === true);
  if (most <= memoryBytes || said === undefined) return [];
  const problem = `${connections.max} connections with at most ${mebibytes(ofOne)} each may need ${mebibytes(most)} in one edge, and there are ${mebibytes(memoryBytes)}`;
  return [{ pointer: said, problem }];
}

function duration(milliseconds: number): string {
  return formatDuration(milliseconds / 1000);
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0)} MiB`;
}

import { AddressSet } from '../inspect/address-set.ts';
import { withValues } from './effective.ts';
import { originOf } from './origin.ts';
import type { Policy, PolicyValues } from './policy.ts';
import { formatDuration, formatSize } from './quantity.ts';

/** Something that a valid policy says and its author can hardly have meant. */
export type Doubt = { readonly pointer: string; readonly origin: string; readonly problem: string };

/** For people, in one line. */
export function doubtText({ pointer, origin, problem }: Doubt): string {
  return `${origin}: ${pointer}: ${problem}`;
}

/** `memoryBytes` is what this machine, or the container, has. */
export function doubtsAbout(policy: Policy, memoryBytes: number): readonly Doubt[] {
  const general = doubtsAboutValues(policy, '', policy);
  const ofRoutes = policy.routes.flatMap(({ values }, index) =>
    doubtsAboutValues(withValues(policy, values), `/routes/${index}`, policy).filter(({ pointer }) =>
      Object.keys(policy.origins).some((known) => known === pointer || known.startsWith(`${pointer}/`)),
    ),
  );
  return [...general, ...doubtsAboutRoutes(policy), ...doubtsAboutMemory(policy, memoryBytes), ...ofRoutes];
}

function doubtsAboutValues(values: PolicyValues, route: string, policy: Policy): readonly Doubt[] {
  const { request, timeouts, clients } = values;
  const doubts: Doubt[] = [];
  const doubt = (pointer: string, problem: string): void => {
    doubts.push(doubtAt(policy, `${route}${pointer}`, problem));
  };
  if (timeouts.headMs > timeouts.contentMs) {
    doubt(
      route === '' ? '/timeouts/head' : '/timeouts/content',
      `a head may take ${duration(timeouts.headMs)}, while content may pause for ${duration(timeouts.contentMs)} only; the head is what Slowloris draws out`,
    );
  }
  if (request.fieldBytes > request.totalFieldBytes) {
    doubt(
      '/request/fields/maxFieldBytes',
      `one field line may have ${formatSize(request.fieldBytes)}, all together only ${formatSize(request.totalFieldBytes)} (maxTotalBytes): a line between the two is refused by fields.too-large`,
    );
  }
  for (const list of ['allow', 'deny'] as const) {
    const set = new AddressSet(clients[list]);
    const families = (['ipv4', 'ipv6'] as const).filter((family) => set.coversAll(family));
    const whom = families
      .map((family) => (family === 'ipv4' ? 'every IPv4 address' : 'every IPv6 address'))
      .join(' and ');
    if (families.length > 0) doubt(`/clients/${list}`, `${list} holds ${whom}`);
  }
  return doubts;
}

function doubtsAboutRoutes(policy: Policy): readonly Doubt[] {
  const keepsDots = policy.routes.length > 0 && policy.request.dotSegments === 'keep';
  if (!keepsDots) return [];
  const problem =
    'with "keep", GET /a/../b takes the route of /a/*, whatever an application makes of it: routes can be dodged';
  return [doubtAt(policy, '/request/target/dotSegments', problem)];
}

/** Only where a file says one of the numbers: the shipped ones are a choice that the manual explains. */
function doubtsAboutMemory(policy: Policy, memoryBytes: number): readonly Doubt[] {
  const { request, connections, response } = policy;
  const ofOne = request.lineBytes + request.totalFieldBytes + request.contentMemoryBytes + response.bufferBytes;
  const most = ofOne * connections.max;
  const pointers = [
    '/connections/max',
    '/response/bufferBytes',
    '/request/content/memoryBytes',
    '/request/fields/maxTotalBytes',
  ];
  const said = pointers.find((pointer) => policy.origins[pointer]?.includes(':') === true);
  if (most <= memoryBytes || said === undefined) return [];
  const problem = `${connections.max} connections with at most ${mebibytes(ofOne)} each may need ${mebibytes(most)} in one edge, and there are ${mebibytes(memoryBytes)}`;
  return [doubtAt(policy, said, problem)];
}

function doubtAt(policy: Policy, pointer: string, problem: string): Doubt {
  return { pointer, origin: originOf(policy, pointer), problem };
}

function duration(milliseconds: number): string {
  return formatDuration(milliseconds / 1000);
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0)} MiB`;
}

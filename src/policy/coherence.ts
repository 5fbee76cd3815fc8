import { doubtsAboutClients, doubtsAboutTrust } from './doubts-about-clients.ts';
import { doubtsAboutMemory, doubtsAboutSpool } from './doubts-about-memory.ts';
import { withValues } from './effective.ts';
import { excerpt } from './excerpt.ts';
import { originOf } from './origin.ts';
import type { PartialValues, Policy, PolicyValues } from './policy.ts';
import type { PolicyInForce } from './policy-in-force.ts';
import { formatDuration, formatSize } from './quantity.ts';
import type { Problem } from './validate.ts';

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
  const general = doubtsAboutValues(policy, policy, policy);
  const ofRoutes = policy.routes.flatMap(({ values }, index) =>
    doubtsAboutValues(policy, withValues(policy, values), values).map((doubt) => ({
      ...doubt,
      pointer: `/routes/${index}${doubt.pointer}`,
    })),
  );
  const found = [
    ...general,
    ...doubtsAboutTrust(policy),
    ...doubtsAboutRoutes(policy),
    ...doubtsAboutMemory(inForce, memoryBytes),
    ...ofRoutes,
  ];
  return found.map(({ pointer, problem }) => ({ pointer, origin: originOf(policy, pointer), problem }));
}

/** `values` are what holds; `said` is what one place says itself, and only that is doubted there. */
function doubtsAboutValues(policy: Policy, values: PolicyValues, said: PartialValues): readonly Problem[] {
  return [
    ...doubtsAboutTimeouts(values, said),
    ...doubtsAboutFields(values, said),
    ...doubtsAboutSpool(policy, values, said),
    ...doubtsAboutClients(said),
  ];
}

function doubtsAboutTimeouts({ timeouts }: PolicyValues, said: PartialValues): readonly Problem[] {
  if (timeouts.headMs <= timeouts.contentMs || said.timeouts?.contentMs === undefined) return [];
  // No route has a deadline of its own for a head.
  const pointer = said.timeouts.headMs === undefined ? '/timeouts/content' : '/timeouts/head';
  const problem = `a head may take ${duration(timeouts.headMs)}, while content may pause for ${duration(timeouts.contentMs)} only; the head is what Slowloris draws out`;
  return [{ pointer, problem }];
}

function doubtsAboutFields({ request }: PolicyValues, said: PartialValues): readonly Problem[] {
  const { fieldBytes, totalFieldBytes } = said.request ?? {};
  if (request.fieldBytes <= request.totalFieldBytes || (fieldBytes ?? totalFieldBytes) === undefined) return [];
  const pointer = fieldBytes === undefined ? '/request/fields/maxTotalBytes' : '/request/fields/maxFieldBytes';
  const problem = `one field line may have ${formatSize(request.fieldBytes)}, all together only ${formatSize(request.totalFieldBytes)} (maxTotalBytes): a line between the two is refused by fields.too-large`;
  return [{ pointer, problem }];
}

/** Ways around a route, to what others behind take for the same thing. */
function doubtsAboutRoutes({ request, routes }: Policy): readonly Problem[] {
  const doubts: Problem[] = [];
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

function duration(milliseconds: number): string {
  return formatDuration(milliseconds / 1000);
}

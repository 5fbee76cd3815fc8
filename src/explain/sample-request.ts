import { samplePath } from '../inspect/path-pattern.ts';
import { withValues } from '../policy/effective.ts';
import type { Policy } from '../policy/policy.ts';
import { type Arriving, arrivalFrom, nobody } from './arriving.ts';

/** The plainest request that a part of a policy is there for, and a client who may send it. */
export type SampleRequest = {
  readonly bytes: Uint8Array;
  /** `GET /admin/ of shop.example`. */
  readonly text: string;
  readonly arriving: Arriving;
};

/** What takes the request. `path` is a pattern, and `host` may be a wildcard. */
export type SampleParts = { readonly method: string; readonly path: string; readonly host: string };

/** Of the route with this index; null: of what holds where no route does. A more specific route may take it all the same. */
export function sampleRequest(policy: Policy, index: number | null): SampleRequest {
  const route = index === null ? undefined : policy.routes[index];
  const values = route === undefined ? policy : withValues(policy, route.values);
  const [method = 'GET'] = route?.methods ?? values.request.methods;
  const host = route?.hosts?.[0] ?? values.request.hosts[0] ?? anyHost;
  const client = values.clients.allow[0]?.split('/')[0] ?? nobody;
  return requestFrom({ method, path: route?.path ?? '/', host }, client, policy.name);
}

/** Where a policy lists no hosts. */
export const anyHost = 'example.com';

export function requestFrom(parts: SampleParts, client: string, policyName: string): SampleRequest {
  const { method } = parts;
  const path = samplePath(parts.path);
  const host = parts.host.replace(/^\*/, 'x');
  return {
    bytes: Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 'latin1'),
    text: `${method} ${path} of ${host}`,
    arriving: arrivalFrom(client, policyName),
  };
}

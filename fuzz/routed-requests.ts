import { compileLlhttp } from '../src/http1/llhttp/compile.ts';
import { instantiateLlhttp } from '../src/http1/llhttp/instance.ts';
import { createParserContext, RequestParser } from '../src/http1/request-parser.ts';
import { Inspection, inspectForm } from '../src/inspect/inspect.ts';
import { samplePath } from '../src/inspect/path-pattern.ts';
import type { Route } from '../src/policy/policy.ts';
import type { PolicyInForce } from '../src/policy/policy-in-force.ts';
import type { RoutedRequest } from './oracle/route-choice.ts';

/** Of each policy so many of its routes, so that one input takes a few milliseconds at most. */
const mostRoutes = 6;

/** What is another path to some readers and the same one to others. */
const pathChanges: readonly ((path: string) => string)[] = [
  (path) => path,
  (path) => `/${path}`,
  (path) => `${path}/`,
  (path) => `${path}/x`,
  (path) => `${path.replace(/\/$/, '')}//x/`,
  (path) => path.replace(/\/[^/]*$/, ''),
  (path) => path.replace(/[a-z]/i, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
  (path) => path.replace(/(?!^)\//, '%2F'),
  (path) => path.toUpperCase(),
  (path) => `${path};x`,
];

const hostChanges: readonly ((host: string) => string)[] = [
  (host) => host,
  (host) => host.toUpperCase(),
  (host) => (host.endsWith(']') ? host : `${host}.`),
  (host) => (host.endsWith(']') ? host : `x.${host}`),
  (host) => host.replace(/^[^.]*\./, ''),
];

const methodsAsked = ['GET', 'HEAD', 'POST', 'OPTIONS'];

/** Requests for the routes of a policy and around them, each part from any of its routes. */
export function* requestsFor(routes: readonly Route[]): Generator<RoutedRequest> {
  const asked = routes.length <= mostRoutes ? routes : [...routes.slice(0, mostRoutes - 1), ...routes.slice(-1)];
  const hosts = asked.flatMap((route) => (route.hosts ?? []).slice(0, 2)).map((host) => host.replace(/^\*/, 'x'));
  const paths = asked.flatMap(({ path }) => (path === null ? [] : [samplePath(path)]));
  const methods = [...new Set([...asked.flatMap((route) => route.methods?.slice(0, 2) ?? []), ...methodsAsked])];
  let turn = 0;
  for (const path of [...paths, '/']) {
    for (const change of pathChanges) {
      for (const host of [...hosts.slice(0, mostRoutes), null]) {
        turn += 1;
        const changeHost = hostChanges[turn % hostChanges.length] ?? String;
        const method = methods[turn % methods.length] ?? 'GET';
        yield { method, host: host === null ? null : changeHost(host), path: change(path) };
      }
    }
  }
}

const limits = {
  lineBytes: 65_536,
  fieldBytes: 8190,
  totalFieldBytes: 65_536,
  fieldCount: 9,
  contentBytes: 0,
  trailers: 'drop',
} as const;
const context = createParserContext(instantiateLlhttp(compileLlhttp()));
const inspection = new Inspection();

/** The route that a policy has for a request; undefined where the request has no form that could be routed. */
export function routeOf({ method, host, path }: RoutedRequest, policy: PolicyInForce): number | null | undefined {
  let route: number | null | undefined;
  const parser = new RequestParser(context, limits, {
    onRequestHead(head) {
      if (inspectForm(head, inspection) === undefined) route = policy.for(head, inspection).route;
    },
    onContent() {},
    onEndOfMessage() {},
    onRejected() {},
  });
  const lines = host === null ? 'HTTP/1.0\r\n' : `HTTP/1.1\r\nHost: ${host}:80\r\n`;
  parser.receive(Buffer.from(`${method} ${path} ${lines}\r\n`, 'latin1'));
  parser.free();
  return route;
}

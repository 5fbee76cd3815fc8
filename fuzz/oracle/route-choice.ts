import type { Route } from '../../src/policy/policy.ts';

/** A request as far as routes look at it. `host` without its port, null where there is none; `path` as sent. */
export type RoutedRequest = { readonly method: string; readonly host: string | null; readonly path: string };

type Rank = readonly [host: string, path: string, method: string];

/** The routes that take a request, the most specific first: each is asked, then all are sorted. Slow and plain. */
export function routesFor(
  routes: readonly Route[],
  request: RoutedRequest,
): readonly { index: number; rank: string }[] {
  return routes
    .flatMap((route, index) => {
      const rank = rankOf(route, request);
      return rank === undefined ? [] : [{ index, rank: rank.join('\n') }];
    })
    .sort((left, right) => (left.rank < right.rank ? -1 : left.rank > right.rank ? 1 : 0));
}

/** Texts that sort as the routes do; undefined where the route does not take the request. */
function rankOf({ hosts, path, methods }: Route, request: RoutedRequest): Rank | undefined {
  const host = hosts === null ? '~' : hostRank(hosts, request.host);
  const place = path === null ? '~' : pathRank(path, request.path);
  const method = methods === null ? '~' : methodRank(methods, request.method);
  return host === undefined || place === undefined || method === undefined ? undefined : [host, place, method];
}

function hostRank(patterns: readonly string[], host: string | null): string | undefined {
  if (host === null) return undefined;
  const name = host.toLowerCase().replace(/\.$/, '');
  if (patterns.includes(name)) return '0';
  const above = patterns.filter((pattern) => pattern.startsWith('*.') && name.length > pattern.length - 1);
  const lengths = above.filter((pattern) => name.endsWith(pattern.slice(1))).map(({ length }) => length);
  return lengths.length === 0 ? undefined : `1${String(1000 - Math.max(...lengths)).padStart(4, '0')}`;
}

/** Both as the bytes of UTF-8, one character each. */
function pathRank(pattern: string, path: string): string | undefined {
  const decoded = path.replace(/%([0-9a-f]{2})/gi, (_, digits) => String.fromCharCode(Number.parseInt(digits, 16)));
  const parts = Buffer.from(pattern).toString('latin1').slice(1).split('/');
  const takesRest = parts.at(-1) === '*';
  const fixed = takesRest ? parts.slice(0, -1) : parts;
  const literal = (part: string): string => part.replace(/[^A-Za-z0-9]/g, (other) => `\\${other}`);
  const expression = fixed.map((part) => (part === '*' ? '/[^/]+' : `/${literal(part)}`)).join('');
  const form = new RegExp(`^${expression}${takesRest ? '(/.*)?' : ''}$`, 's');
  if (!form.test(decoded === '' ? '/' : decoded.replace(/\/+/g, '/'))) return undefined;
  return fixed.map((part) => (part === '*' ? '1' : '0')).join('') + (takesRest ? '3' : '2');
}

function methodRank(methods: readonly string[], method: string): string | undefined {
  if (methods.includes(method)) return '0';
  return method === 'HEAD' && methods.includes('GET') ? '1' : undefined;
}

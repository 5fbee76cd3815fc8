import { path as browserPath } from '../load/browser-request.ts';

const ROUTES = 1_000;
const BLOCKS = 10_000;
const HOSTS = 1_000;

/**
 * A policy file as large as sites have them: routes by host, by path and by method, a list of hosts, and blocks of addresses
 * none of which is the client's. The request of every measurement is looked up in all of it, and takes the last route.
 */
export function largePolicy(): string {
  const [, section = ''] = browserPath.split('/');
  const routes = Array.from({ length: ROUTES - 1 }, (_, index) => routeOf(index));
  return JSON.stringify({
    request: {
      hosts: ['www.example.com', ...Array.from({ length: HOSTS - 1 }, (_, index) => `host-${index}.example`)],
    },
    clients: { deny: Array.from({ length: BLOCKS }, (_, index) => blockOf(index)) },
    routes: [...routes, { path: `/${section}/*`, methods: ['GET'], request: { content: { maxBytes: '2MiB' } } }],
  });
}

function routeOf(index: number): object {
  const values = { request: { content: { maxBytes: `${1 + (index % 64)}KiB` } }, timeouts: { worker: '20s' } };
  if (index % 4 === 0) return { hosts: [`host-${index % HOSTS}.example`], path: `/shop-${index}/*`, ...values };
  if (index % 4 === 1) return { path: `/articles/${index}/*/edit`, methods: ['POST', 'PUT'], ...values };
  if (index % 4 === 2) return { path: `/section-${index}/*`, ...values };
  return { path: `/files/${index}/download`, methods: ['GET'], ...values };
}

/** Nine in ten IPv4, none next to another. */
function blockOf(index: number): string {
  if (index % 10 === 9) return `2001:db8:${index.toString(16)}::/48`;
  return `10.${index >> 7}.${(index & 127) * 2}.0/24`;
}

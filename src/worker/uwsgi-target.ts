/** Servers that run the application wherever they are, and are spoken to in the uwsgi protocol. */
export type UwsgiApp = { readonly kind: 'uwsgi'; readonly servers: readonly UwsgiAddress[] };

export type UwsgiAddress = {
  readonly place: UwsgiPlace;
  /** Of two servers, the one with twice the weight takes twice the requests. */
  readonly weight: number;
  /** `buffer-size` of the server: a request whose variables take more is one that it drops. */
  readonly bufferBytes: number;
  /** Variables that it takes: those beyond it would lose without a word. uWSGI takes twice its `max-vars`. */
  readonly maxVariables: number;
  /** Requests that it has from one edge at once. More wait in the edge, where they can still go to another server. */
  readonly connections: number;
};

export type UwsgiPlace =
  /** `host` is a name or an address, without brackets. */
  | { readonly host: string; readonly port: number }
  /** Of a Unix socket, absolute. */
  | { readonly path: string };

/** As an operator would write it, for log lines. */
export function placeName(place: UwsgiPlace): string {
  if ('path' in place) return `uwsgi+unix:${place.path}`;
  const { host, port } = place;
  return `uwsgi://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { startNodeHttp } from './node-http.ts';
import { type Server, startServer } from './server.ts';

/** Where packages put it, for users whose PATH has no system programs. */
const candidates = ['nginx', '/usr/sbin/nginx', '/usr/local/sbin/nginx'];
const START_MS = 10_000;
const PAUSE_MS = 20;

export type Nginx = { readonly command: string; readonly version: string };

export function findNginx(): Nginx | undefined {
  for (const command of candidates) {
    const { stderr, error } = spawnSync(command, ['-v'], { encoding: 'utf8' });
    if (error === undefined) return { command, version: /nginx\/(\S+)/.exec(stderr)?.[1] ?? 'of unknown version' };
  }
  return undefined;
}

export type ProxyOptions = {
  readonly workerProcesses: number | 'auto';
  readonly connectionsPerWorker?: number;
  /** Deadline of head, content, reader and idle connection alike; nginx's own where it is left out. */
  readonly clientSeconds?: number;
  /** What the upstream understands; `http` where it is left out. */
  readonly speaks?: 'http' | 'uwsgi';
};

/** nginx in front of the hello application on `node:http`. */
export async function startNginx(nginx: Nginx, workerProcesses: number | 'auto'): Promise<Server> {
  return startProxy(nginx, await startNodeHttp({ app: 'hello' }), { workerProcesses });
}

/**
 * nginx in front of a server, which ends with it, from a private configuration in a private directory: what a machine's
 * own nginx does is neither used nor touched.
 */
export async function startProxy(nginx: Nginx, upstream: Server, options: ProxyOptions): Promise<Server> {
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  process.once('exit', remove);
  const stopUpstream = async (): Promise<void> => {
    await upstream.stop();
    process.off('exit', remove);
    remove();
  };
  try {
    const port = await freePort();
    const file = join(directory, 'nginx.conf');
    writeFileSync(file, configuration({ ...options, directory, port, upstreamPort: upstream.port }));
    const args = ['-p', directory, '-e', 'stderr', '-c', file];
    const { workerProcesses } = options;
    const workers = workerProcesses === 1 ? '1 worker' : `workers: ${workerProcesses}`;
    const front = await startServer(`nginx (${workers}) + ${upstream.name}`, nginx.command, args, async () => {
      await accepting(port);
      return port;
    });
    const stop = (): Promise<void> => front.stop().finally(stopUpstream);
    return { ...front, roots: [...front.roots, ...upstream.roots], stop };
  } catch (error) {
    await stopUpstream();
    throw error;
  }
}

type Configuration = ProxyOptions & {
  readonly directory: string;
  readonly port: number;
  readonly upstreamPort: number;
};

const locations = {
  http: `proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;`,
  // The variables of nginx's own file uwsgi_params.
  uwsgi: `uwsgi_pass app;
      uwsgi_param QUERY_STRING $query_string;
      uwsgi_param REQUEST_METHOD $request_method;
      uwsgi_param CONTENT_TYPE $content_type;
      uwsgi_param CONTENT_LENGTH $content_length;
      uwsgi_param REQUEST_URI $request_uri;
      uwsgi_param PATH_INFO $document_uri;
      uwsgi_param DOCUMENT_ROOT $document_root;
      uwsgi_param SERVER_PROTOCOL $server_protocol;
      uwsgi_param REQUEST_SCHEME $scheme;
      uwsgi_param HTTPS $https if_not_empty;
      uwsgi_param REMOTE_ADDR $remote_addr;
      uwsgi_param REMOTE_PORT $remote_port;
      uwsgi_param SERVER_PORT $server_port;
      uwsgi_param SERVER_NAME $server_name;`,
} as const;

/** As nginx's own documentation has it for a proxy with keep-alive upstreams, and no access log, as Portcullis. */
function configuration(options: Configuration): string {
  const { directory, port, upstreamPort, workerProcesses, connectionsPerWorker = 1024, clientSeconds } = options;
  const location = locations[options.speaks ?? 'http'];
  const { uid, username } = userInfo();
  const deadlines =
    clientSeconds === undefined
      ? ''
      : ['client_header_timeout', 'client_body_timeout', 'send_timeout', 'keepalive_timeout']
          .map((name) => `${name} ${clientSeconds}s;`)
          .join(' ');
  return `
${uid === 0 ? `user ${username};` : ''}
daemon off;
worker_processes ${workerProcesses};
pid ${directory}/nginx.pid;
error_log stderr warn;
events { worker_connections ${connectionsPerWorker}; }
http {
  access_log off;
  client_body_temp_path ${directory}/client;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  ${deadlines}
  sendfile on;
  tcp_nopush on;
  upstream app {
    server 127.0.0.1:${upstreamPort};
    keepalive 64;
    # Shorter than the 5 s of node:http, so that nginx never uses a connection that is being closed.
    keepalive_timeout 4s;
  }
  server {
    listen 127.0.0.1:${port} backlog=2048;
    location / {
      ${location}
    }
  }
}
`;
}

/** nginx cannot say which port the system chose for it, so it is chosen here and free again a moment before. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function accepting(port: number): Promise<void> {
  const deadline = Date.now() + START_MS;
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    } finally {
      socket.destroy();
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

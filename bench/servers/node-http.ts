import { fileURLToPath } from 'node:url';
import { type Server, startNodeServer } from './server.ts';

const scripts = {
  hello: fileURLToPath(new URL('../apps/hello-node.js', import.meta.url)),
  transfer: fileURLToPath(new URL('../apps/transfer-node.js', import.meta.url)),
};

export type NodeHttpOptions = {
  readonly app: keyof typeof scripts;
  /** How long `node:http` keeps an idle connection; its own default where it is left out. */
  readonly keepAliveMs?: number;
  readonly env?: Readonly<Record<string, string>>;
};

/** The same application on bare `node:http`: what everything else is compared with. */
export function startNodeHttp({ app, keepAliveMs, env }: NodeHttpOptions): Promise<Server> {
  const args = [scripts[app], ...(keepAliveMs === undefined ? [] : [String(keepAliveMs)])];
  return startNodeServer('node:http', args, env);
}

// HAProxy and nginx in front, set up as docs/behind-a-proxy.md has it: whose a request is, and who can pretend.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Program, root, startProgram } from '../support/program.ts';
import { exchangeRaw } from '../support/raw-client.ts';

type Front = {
  /** Its socket takes a PROXY header, so that its client may have any address. */
  readonly socket: string;
  readonly forwards: 'bytes' | 'requests';
  readonly scheme: string;
  /** What it makes of the fields that a client invents; undefined: they do not arrive. */
  readonly forwardedFor?: string;
};

const clients = [
  { source: 'PROXY TCP4 198.51.100.7 203.0.113.1 56324 443\r\n', address: '198.51.100.7', port: '56324' },
  { source: 'PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n', address: '2001:db8::7', port: '56324' },
] as const;
const invented = 'X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: gopher\r\nForwarded: for=10.0.0.2\r\n';
const request = `GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n${invented}\r\n`;

const fronts: readonly Front[] = [
  { socket: 'haproxy-v1.sock', forwards: 'bytes', scheme: 'http' },
  { socket: 'haproxy-v2.sock', forwards: 'bytes', scheme: 'http' },
  { socket: 'haproxy-v2-more.sock', forwards: 'bytes', scheme: 'http' },
  { socket: 'haproxy-requests.sock', forwards: 'requests', scheme: 'https', forwardedFor: '10.0.0.1, {client}' },
  { socket: 'nginx-forwarding.sock', forwards: 'requests', scheme: 'https', forwardedFor: '10.0.0.1, {client}' },
];

describe('behind a proxy', () => {
  const folder = mkdtempSync(join(tmpdir(), 'behind-a-proxy-'));
  const fixtures = join(root, 'test/end-to-end/fixtures/clients/');
  const programs: Program[] = [];
  const servers: Program[] = [];

  /** The program with a policy that trusts this machine. */
  async function serve(name: string, clients: object): Promise<string> {
    const policy = join(folder, `${name}.json`);
    writeFileSync(policy, JSON.stringify({ clients: { trustedProxies: ['127.0.0.1'], ...clients } }));
    const server = startProgram(['-b', '127.0.0.1:0', '-P', policy, join(root, 'examples/echo.js')]);
    programs.push(server);
    servers.push(server);
    const port = String(await server.port());
    await server.logged(/Booting worker/);
    return port;
  }

  function start(config: string, command: readonly string[], ports: Readonly<Record<string, string>>): Program {
    const template = readFileSync(join(fixtures, config), 'utf8');
    writeFileSync(
      join(folder, config),
      template.replace(/\{(\w+)\}/g, (whole, name: string) => ports[name] ?? whole),
    );
    const [file = '', ...args] = command;
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: folder };
    const program = new Program(spawn(file, args, { cwd: folder, env }));
    programs.push(program);
    return program;
  }

  before(async () => {
    const portOfBytes = await serve('bytes', { proxyProtocol: 'any' });
    const portOfRequests = await serve('requests', {});
    const ports = { portOfBytes, portOfRequests };
    const haproxy = start('haproxy-forwarding.cfg', ['haproxy', '-db', '-f', 'haproxy-forwarding.cfg'], ports);
    const nginxCommand = ['nginx', '-e', 'stderr', '-p', `${folder}/`, '-c', 'nginx-forwarding.conf'];
    const nginx = start('nginx-forwarding.conf', nginxCommand, ports);
    await nginx.logged(/using the "\w+" event method/);
    // Its checks send a header and nothing else, or a request of the proxy's own. Until some have succeeded in a row it
    // answers in our place.
    for (const name of ['v1', 'v2', 'v2-more', 'requests']) {
      await haproxy.logged(new RegExp(`Health check for server ${name}/portcullis succeeded.*status: \\d/\\d UP`));
    }
  });
  after(async () => {
    for (const program of programs.reverse()) await program.stop();
    rmSync(folder, { recursive: true });
  });

  for (const { socket, forwards, scheme, forwardedFor } of fronts) {
    it(`that forwards ${forwards} (${socket}), a request is its client’s, whatever that client invents`, async () => {
      for (const { source, address, port } of clients) {
        const answer = await exchangeRaw(join(folder, socket), source + request);
        assert.match(answer, /^HTTP\/1\.1 200 /);
        const [, json = ''] = /(\{.*\})/.exec(answer) ?? [];
        const { environ } = JSON.parse(json) as { environ: Record<string, string> };
        const seen = [environ['REMOTE_ADDR'], environ['REMOTE_PORT'], environ['wsgi.url_scheme']];
        assert.deepEqual(seen, [address, forwards === 'bytes' ? port : '', scheme]);
        assert.equal(environ['HTTP_X_FORWARDED_FOR'], forwardedFor?.replace('{client}', address));
        assert.equal(environ['HTTP_FORWARDED'], undefined);
      }
    });
  }

  it('no check of a proxy was refused, and nothing else', () => {
    for (const { stderr } of servers) assert.doesNotMatch(stderr, /Refused|trusted proxy|\[(ERROR|CRITICAL)\]/);
  });
});

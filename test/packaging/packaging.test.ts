import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { defaultsOfSettings } from '../../src/config/setting-defaults.ts';
import { root } from '../support/program.ts';

const packaging = (name: string): string => readFileSync(join(root, 'packaging', name), 'utf8');
/** Of 0 (locked away) to 10, as `systemd-analyze security` counts it; 1.8 when this was written. */
const mostExposure = 2;

/** The value of a key of a unit, or of a section of supervisord; the last one counts. */
function lastOf(text: string, key: string): string | undefined {
  return [...text.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].at(-1)?.[1];
}

describe('the systemd units', () => {
  let folder = '';
  const unit = packaging('portcullis.service');
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'units-'));
    // systemd-analyze looks whether the program and the directory are there.
    const here = unit
      .replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true')
      .replace(/^WorkingDirectory=.*/m, 'WorkingDirectory=/');
    writeFileSync(join(folder, 'portcullis.service'), here);
    writeFileSync(join(folder, 'portcullis.socket'), packaging('portcullis.socket'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('are understood by systemd, every line of them', () => {
    const files = ['portcullis.service', 'portcullis.socket'].map((name) => join(folder, name));
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.equal(stdout + stderr, '');
  });

  it('leave as little open as systemd counts', () => {
    const args = ['security', '--offline=yes', '--no-pager', join(folder, 'portcullis.service')];
    const report = execFileSync('systemd-analyze', args, { encoding: 'utf8' });
    const exposure = Number(/exposure level for \S+ ([\d.]+)/.exec(report)?.[1]);
    assert.ok(exposure <= mostExposure, report);
  });

  it('give the server longer to end than it gives its requests, and do not count on what it cannot do', () => {
    assert.ok(Number(lastOf(unit, 'TimeoutStopSec')) > defaultsOfSettings.gracefulTimeout);
    assert.equal(lastOf(unit, 'NotifyAccess'), 'all');
    assert.equal(lastOf(unit, 'KillMode'), 'mixed');
    assert.equal(lastOf(unit, 'MemoryDenyWriteExecute'), undefined);
  });
});

describe('the Dockerfile', () => {
  const lines = packaging('Dockerfile')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  const instructions = lines.filter((line) => line !== '' && !line.startsWith('#'));
  const of = (name: string): readonly string[] =>
    instructions.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));

  it('has instructions alone that there are', () => {
    const known = /^(FROM|RUN|ENV|WORKDIR|COPY|USER|EXPOSE|STOPSIGNAL|HEALTHCHECK|ENTRYPOINT|CMD) /;
    assert.deepEqual(
      instructions.filter((line) => !known.test(line)),
      [],
    );
  });

  it('runs as somebody else than root, under a process 1 that reaps', () => {
    assert.deepEqual(of('USER'), ['node']);
    const [entry] = of('ENTRYPOINT');
    assert.deepEqual(JSON.parse(entry ?? ''), ['tini', '--', 'node_modules/.bin/portcullis']);
    for (const command of of('CMD')) assert.ok(Array.isArray(JSON.parse(command)), 'a shell would keep the signals');
  });
});

type Probe = { readonly httpGet: { readonly path: string; readonly port: string } };
describe('the Kubernetes manifest', () => {
  const documents = parseAllDocuments(packaging('kubernetes.yaml'));
  const [deployment, service] = documents.map((document) => document.toJS());

  it('is YAML without a mistake: a Deployment and a Service of the same pods', () => {
    assert.deepEqual(
      documents.flatMap(({ errors }) => errors),
      [],
    );
    assert.deepEqual([deployment.kind, service.kind], ['Deployment', 'Service']);
    assert.deepEqual(service.spec.selector, deployment.spec.template.metadata.labels);
    assert.deepEqual(deployment.spec.selector.matchLabels, deployment.spec.template.metadata.labels);
  });

  it('asks the admin port, which no Service has', () => {
    const { ports, startupProbe, readinessProbe, livenessProbe } = deployment.spec.template.spec.containers[0];
    const probes: readonly Probe[] = [startupProbe, readinessProbe, livenessProbe];
    assert.deepEqual(
      probes.map(({ httpGet }) => `${httpGet.port}${httpGet.path}`),
      ['admin/readyz', 'admin/readyz', 'admin/healthz'],
    );
    assert.deepEqual(
      ports.map(({ name }: { readonly name: string }) => name),
      ['http', 'admin'],
    );
    assert.deepEqual(
      service.spec.ports.map(({ targetPort }: { readonly targetPort: string }) => targetPort),
      ['http'],
    );
  });

  it('leaves time for the delay and for what runs', () => {
    const { terminationGracePeriodSeconds, containers } = deployment.spec.template.spec;
    const [, delay] = containers[0].lifecycle.preStop.exec.command;
    assert.ok(terminationGracePeriodSeconds > Number(delay) + defaultsOfSettings.gracefulTimeout);
  });

  it('runs without root, privileges and a file system to write to', () => {
    const { securityContext, containers } = deployment.spec.template.spec;
    assert.equal(securityContext.runAsNonRoot, true);
    const own = containers[0].securityContext;
    assert.deepEqual(own.capabilities, { drop: ['ALL'] });
    assert.deepEqual([own.allowPrivilegeEscalation, own.readOnlyRootFilesystem], [false, true]);
    assert.deepEqual(containers[0].volumeMounts, [{ name: 'tmp', mountPath: '/tmp' }]);
  });
});

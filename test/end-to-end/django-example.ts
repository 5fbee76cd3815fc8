import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathOf, startWsgi, systemPython, type WsgiOptions, type WsgiServer } from './wsgi-server.ts';

export const superuser = { name: 'admin', password: 'correct horse' } as const;

export type DjangoExample = { readonly server: WsgiServer; readonly stop: () => Promise<void> };

/** examples/django, prepared as its README says, with its data in a folder that goes with it, and started. */
export async function startDjangoExample({ env = {}, ...options }: Partial<WsgiOptions> = {}): Promise<DjangoExample> {
  const example = pathOf('../../examples/django');
  const data = mkdtempSync(join(tmpdir(), 'django-data-'));
  const own = { DATA_DIR: data, PYTHONDONTWRITEBYTECODE: '1' };
  const user = ['createsuperuser', '--username', superuser.name, '--email', 'admin@shop.example'];
  for (const words of [['migrate'], ['collectstatic'], user]) {
    execFileSync(systemPython, ['manage.py', ...words, '--no-input'], {
      cwd: example,
      env: { ...process.env, ...own, DJANGO_SUPERUSER_PASSWORD: superuser.password },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  const remove = () => rmSync(data, { recursive: true });
  try {
    const server = await startWsgi({ app: 'project.wsgi', files: [example], env: { ...own, ...env }, ...options });
    return { server, stop: () => server.stop().finally(remove) };
  } catch (error) {
    remove();
    throw error;
  }
}

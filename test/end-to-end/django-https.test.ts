// The settings of examples/django for HTTPS: the edge says the scheme, no client can, and Django's own checks hold.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { exchangeRaw } from '../support/raw-client.ts';
import { fieldValue, type ReadAnswer, readAnswer } from '../support/read-answer.ts';
import { type DjangoExample, startDjangoExample, superuser } from './django-example.ts';

const login = '/admin/login/';
const env = { HTTPS: '1', ALLOWED_HOSTS: 'shop.example' };
const tls = 'X-Forwarded-Proto: https';

let site: DjangoExample;

async function ask(request: string, fields: readonly string[], content = ''): Promise<ReadAnswer> {
  const length = content === '' ? [] : [`Content-Length: ${content.length}`];
  const head = [`${request} HTTP/1.1`, 'Host: shop.example', 'Connection: close', ...fields, ...length, '', content];
  return readAnswer(await exchangeRaw(site.server.port, head.join('\r\n')));
}

/** A form that was asked for and is sent back, as a browser does it on a page of `origin`. */
async function signIn(origin: string): Promise<ReadAnswer> {
  const page = await ask(`GET ${login}`, [tls]);
  const [, token = ''] = /name="csrfmiddlewaretoken" value="(\w+)"/.exec(page.content.toString()) ?? [];
  const [cookie = ''] = (fieldValue(page, 'set-cookie') ?? '').split(';');
  const form = new URLSearchParams({
    csrfmiddlewaretoken: token,
    username: superuser.name,
    password: superuser.password,
    next: '/admin/',
  });
  const fields = [tls, `Cookie: ${cookie}`, `Referer: ${origin}${login}`];
  return ask(`POST ${login}`, [...fields, 'Content-Type: application/x-www-form-urlencoded'], form.toString());
}

describe('examples/django with HTTPS=1 behind a proxy that is trusted', () => {
  before(async () => {
    site = await startDjangoExample({ env, policy: { clients: { trustedProxies: ['127.0.0.1'] } } });
  });
  after(() => site.stop());

  it('sends who comes without TLS to https, under the name that was asked for', async () => {
    const answer = await ask(`GET ${login}?a=1`, ['X-Forwarded-Proto: http']);
    assert.deepEqual([answer.status, fieldValue(answer, 'location')], [301, `https://shop.example${login}?a=1`]);
  });

  it('sets its cookies for TLS alone', async () => {
    const answer = await ask(`GET ${login}`, [tls]);
    assert.equal(answer.status, 200);
    assert.match(fieldValue(answer, 'set-cookie') ?? '', /csrftoken=.*; Secure/);
  });

  it('lets the superuser in', async () => {
    const answer = await signIn('https://shop.example');
    assert.deepEqual([answer.status, fieldValue(answer, 'location')], [302, '/admin/']);
    assert.match(fieldValue(answer, 'set-cookie') ?? '', /sessionid=.*; Secure/);
  });

  it('refuses the form of a page without TLS, and of another site', async () => {
    for (const origin of ['http://shop.example', 'https://evil.example']) {
      assert.equal((await signIn(origin)).status, 403, origin);
    }
  });
});

describe('examples/django with HTTPS=1 and nobody who is trusted', () => {
  before(async () => {
    site = await startDjangoExample({ env });
  });
  after(() => site.stop());

  it('believes no client that it came by TLS', async () => {
    const answer = await ask(`GET ${login}`, [tls, 'X-Forwarded-Host: evil.example']);
    assert.deepEqual([answer.status, fieldValue(answer, 'location')], [301, `https://shop.example${login}`]);
  });
});

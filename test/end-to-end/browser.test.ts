// The examples as their READMEs start them, used by a person with a browser.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Browser } from '../support/browser.ts';
import { type DjangoExample, startDjangoExample, superuser } from './django-example.ts';
import { pathOf, startWsgi, type WsgiServer } from './wsgi-server.ts';

const flags = ['-w', '2'];

describe('examples/flask in a browser', () => {
  let server: WsgiServer;
  let browser: Browser;
  let site = '';
  before(async () => {
    server = await startWsgi({ app: 'app:app', files: [pathOf('../../examples/flask')], flags });
    site = `http://127.0.0.1:${server.port}`;
    browser = await Browser.start();
  });
  after(async () => {
    await browser?.stop();
    await server?.stop();
  });

  it('signs in, with a session that both workers know', async () => {
    await browser.open(`${site}/`);
    await browser.type('input[name=name]', 'Zoë');
    await browser.follow('#enter');
    assert.equal(await browser.evaluate('location.href'), `${site}/`);
    for (let round = 0; round < 8; round++) {
      await browser.open(`${site}/`);
      assert.match(await browser.text(), /Signed in as Zoë/);
    }
  });

  it('adds a note and follows its path', async () => {
    await browser.type('input[name=text]', 'Käse & Brot? ✓');
    await browser.follow('#add');
    await browser.follow('li a');
    assert.match(await browser.text(), /^Käse & Brot\? ✓\n+There are 14 characters/);
  });

  it('uploads a file', async () => {
    const file = join(server.folder, 'notes.txt');
    writeFileSync(file, 'x'.repeat(900_000));
    await browser.open(`${site}/`);
    await browser.choose('input[type=file]', file);
    await browser.follow('#upload');
    assert.match(await browser.text(), /^notes\.txt\n+900000 bytes, SHA-256 [\da-f]{64}$/);
  });

  it('reads an answer that is streamed, to its end', async () => {
    await browser.open(`${site}/numbers`);
    assert.match(await browser.text(), /^0\n1\n[\s\S]*\n9999\s*$/);
  });

  it('signs out', async () => {
    await browser.open(`${site}/`);
    await browser.follow('#leave');
    assert.doesNotMatch(await browser.text(), /Signed in/);
  });

  it('asked for nothing that failed, but for an icon that there is none of', () => {
    assert.deepEqual(
      browser.failures.filter((failure) => failure !== `404 ${site}/favicon.ico`),
      [],
    );
  });

  it('sees a page of the application where it fails', async () => {
    await browser.open(`${site}/fail`);
    assert.match(await browser.text(), /^Internal Server Error/);
    await server.program.logged(/RuntimeError: this is for the error log alone$/);
  });
});

describe('the admin site of examples/django in a browser', () => {
  let example: DjangoExample;
  let browser: Browser;
  let site = '';
  before(async () => {
    example = await startDjangoExample({ flags });
    site = `http://127.0.0.1:${example.server.port}`;
    browser = await Browser.start();
  });
  after(async () => {
    await browser?.stop();
    await example?.stop();
  });

  it('asks who it is, in its own style', async () => {
    await browser.open(`${site}/`);
    assert.equal(await browser.evaluate('location.href'), `${site}/admin/login/?next=/admin/`);
    const colour = "getComputedStyle(document.querySelector('#header')).backgroundColor";
    assert.equal(await browser.evaluate(colour), 'rgb(65, 118, 144)', 'base.css did not arrive');
  });

  it('refuses a wrong password', async () => {
    await signIn('wrong');
    assert.match(await browser.text(), /Please enter the correct username and password/);
  });

  it('lets the superuser in', async () => {
    await signIn(superuser.password);
    assert.equal(await browser.evaluate('location.href'), `${site}/admin/`);
    assert.match(await browser.text(), /WELCOME, ADMIN/i);
  });

  it('adds an object', async () => {
    await browser.open(`${site}/admin/notes/note/add/`);
    await browser.type('#id_title', 'Käse');
    await browser.type('#id_text', 'two\nlines');
    await browser.follow('input[name=_save]');
    assert.match(await browser.text(), /The note “Käse” was added successfully/);
  });

  it('changes it', async () => {
    await browser.follow('.field-title a, th a[href*=change]');
    await browser.type('#id_title', 'Brot');
    await browser.follow('input[name=_save]');
    assert.match(await browser.text(), /The note “Brot” was changed successfully/);
    await browser.follow('th a[href*=change]');
    assert.equal(await browser.evaluate("document.querySelector('#id_text').value"), 'two\nlines');
  });

  it('deletes it', async () => {
    await browser.follow('a.deletelink');
    await browser.follow('input[type=submit]');
    assert.match(await browser.text(), /The note “Brot” was deleted successfully/);
  });

  it('refuses a form that another page made', async () => {
    const forged = `<form method=post action=${site}/admin/notes/note/add/><input name=title value=forged><button>`;
    await browser.open(`data:text/html,${encodeURIComponent(forged)}`);
    await browser.follow('button');
    assert.match(await browser.text(), /CSRF verification failed/);
    assert.deepEqual(
      browser.failures.filter((failure) => failure.startsWith('403')),
      [`403 ${site}/admin/notes/note/add/`],
    );
  });

  it('lets out', async () => {
    await browser.open(`${site}/admin/`);
    await browser.follow('a[href$="/logout/"]');
    assert.match(await browser.text(), /Logged out/i);
    await browser.open(`${site}/admin/notes/note/`);
    assert.match(String(await browser.evaluate('location.href')), /\/admin\/login\//);
  });

  it('asked for nothing else that failed', () => {
    assert.deepEqual(
      browser.failures.filter((failure) => !failure.startsWith('403') && !failure.includes('favicon')),
      [],
    );
  });

  async function signIn(password: string): Promise<void> {
    await browser.type('#id_username', superuser.name);
    await browser.type('#id_password', password);
    await browser.follow('input[type=submit]');
  }
});

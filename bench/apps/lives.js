// What it answers tells which process ran a request, and its journal which requests a process had begun when it died. The
// lines are in the kernel's memory once written: kill -9 loses none. As wsgi_lives.py, line by line.
import { openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const journal = openSync(process.env.LIVES_JOURNAL, 'a');
const leakBytes = Number(process.env.LIVES_LEAK_BYTES ?? '0');
const leaked = [];

export async function app(environ, startResponse) {
  const id = environ['HTTP_X_ID'];
  note('begun', id);
  const pieces = [];
  for await (const piece of environ['wsgi.input']) pieces.push(piece);
  const path = environ['PATH_INFO'];
  if (path === '/spin') for (;;);
  if (path.startsWith('/wait/')) await delay(Number(path.split('/')[2]));
  if (leakBytes > 0) leaked.push(Buffer.alloc(leakBytes, 1));
  const own = environ['REQUEST_METHOD'] === 'POST' ? pieces : [Buffer.from(`Hello from ${path}\n`)];
  const content = Buffer.concat([Buffer.from(`worker ${process.pid}\n`), ...own]);
  startResponse('200 OK', [
    ['Content-Type', 'application/octet-stream'],
    ['Content-Length', String(content.length)],
  ]);
  note('ended', id);
  return [content];
}

function note(what, id) {
  if (id !== undefined) writeSync(journal, `${what} ${id} ${process.pid}\n`);
}

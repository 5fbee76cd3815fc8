// A small page, /big (2 MiB: more than the kernel takes for a client that does not read) and uploads, whose bytes it
// counts. As wsgi_site.py, line by line.
const BIG_BYTES = 2 * 1024 * 1024;
const big = Buffer.alloc(BIG_BYTES, 'x');

export async function app(environ, startResponse) {
  const path = environ['PATH_INFO'];
  let received = 0;
  for await (const piece of environ['wsgi.input']) received += piece.length;
  const content = answer(path, received);
  startResponse('200 OK', [
    ['Content-Type', 'text/plain; charset=utf-8'],
    ['Content-Length', String(content.length)],
  ]);
  return [content];
}

function answer(path, received) {
  if (path === '/big') return big;
  if (path === '/upload') return Buffer.from(`${received} bytes\n`);
  return Buffer.from(`Hello from ${path}\n`);
}

// POST /hash answers the SHA-256 of the content, GET /content/BYTES so many bytes; anything else a short text.
import { createHash } from 'node:crypto';
import { transferContent } from './transfer-content.js';

export async function app(environ, startResponse) {
  const [, action, bytes] = environ['PATH_INFO'].split('/');
  if (action === 'content') {
    const type = ['Content-Type', 'application/octet-stream'];
    startResponse('200 OK', [type, ['Content-Length', bytes]]);
    return transferContent(Number(bytes));
  }
  const hash = createHash('sha256');
  for await (const piece of environ['wsgi.input']) hash.update(piece);
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [action === 'hash' ? hash.digest('hex') : 'ready\n'];
}

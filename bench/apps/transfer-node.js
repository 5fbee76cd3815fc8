// What transfer.js answers, from bare node:http.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { transferContent } from './transfer-content.js';

const server = createServer(async (request, response) => {
  const [, action, bytes] = request.url.split('/');
  if (action === 'content') {
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes });
    await pipeline(Readable.from(transferContent(Number(bytes)), { highWaterMark: 1 }), response);
    return;
  }
  const hash = createHash('sha256');
  for await (const piece of request) hash.update(piece);
  const content = action === 'hash' ? hash.digest('hex') : 'ready\n';
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': content.length });
  response.end(content);
});
server.listen({ port: 0, host: '127.0.0.1' }, () => {
  console.error(`Listening at: http://127.0.0.1:${server.address().port}`);
});

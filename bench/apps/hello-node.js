// What examples/hello.js answers, from bare node:http. The length is given, without which Node would send chunks.
// Argument: milliseconds that an idle connection is kept (default: Node's own).
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  const { url } = request;
  const query = url.indexOf('?');
  const content = `Hello from ${query === -1 ? url : url.slice(0, query)}\n`;
  response.writeHead(200, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(content),
  });
  response.end(content);
});
if (process.argv[2] !== undefined) server.keepAliveTimeout = Number(process.argv[2]);
server.listen({ port: 0, host: '127.0.0.1', backlog: 2048 }, () => {
  console.error(`Listening at: http://127.0.0.1:${server.address().port}`);
});

// The smallest application: `portcullis examples/hello.js`. PEP 3333 for JavaScript.
export function app(environ, startResponse) {
  startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']]);
  return [`Hello from ${environ['PATH_INFO']}\n`];
}

// Answers every request, after reading its content, with what the application saw. The tests and attack tools speak with it.
let requests = 0;

export async function app(environ, startResponse) {
  const pieces = [];
  for await (const piece of environ['wsgi.input']) pieces.push(piece);
  requests += 1;
  const strings = Object.fromEntries(Object.entries(environ).filter(([, value]) => typeof value === 'string'));
  const seen = {
    method: environ['REQUEST_METHOD'],
    target: environ['RAW_URI'],
    environ: strings,
    body_b64: Buffer.concat(pieces).toString('base64'),
    n: requests,
  };
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  return [JSON.stringify(seen)];
}

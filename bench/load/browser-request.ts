/** What a browser asks for: 7 field lines, about 700 bytes. The same request for every measurement. */
export const path = '/articles/2026/11/strict-parsers';
const target = `${path}?utm_source=newsletter&page=2`;

/** `close`: one request a connection. */
export type Persistence = 'keep-alive' | 'close';

export function fieldLines(persistence: Persistence): readonly string[] {
  return [
    'Host: www.example.com',
    `Connection: ${persistence}`,
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
    'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8',
    'Accept-Encoding: gzip, deflate, br, zstd',
    'Accept-Language: en-US,en;q=0.9,de;q=0.8',
    `Cookie: session=${'0123456789abcdef'.repeat(8)}; theme=dark; consent=${'x'.repeat(60)}`,
  ];
}

export function requestBytes(persistence: Persistence): Buffer {
  return Buffer.from(`GET ${target} HTTP/1.1\r\n${fieldLines(persistence).join('\r\n')}\r\n\r\n`, 'latin1');
}

export function requestUrl(port: number): string {
  return `http://127.0.0.1:${port}${target}`;
}

/** What the hello applications answer to it. */
export const helloContent = `Hello from ${path}\n`;

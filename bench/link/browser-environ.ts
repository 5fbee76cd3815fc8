/** The environ of a browser's request with seven fields, encoded as it travels. */
export function browserEnviron(): Buffer {
  const pairs = {
    SERVER_NAME: '127.0.0.1',
    SERVER_PORT: '8000',
    REMOTE_ADDR: '127.0.0.1',
    REMOTE_PORT: '54321',
    'wsgi.url_scheme': 'http',
    'portcullis.policy': 'default',
    REQUEST_METHOD: 'GET',
    SCRIPT_NAME: '',
    PATH_INFO: '/index.html',
    QUERY_STRING: 'a=1&b=2',
    RAW_URI: '/index.html?a=1&b=2',
    SERVER_PROTOCOL: 'HTTP/1.1',
    'portcullis.request_id': 'k3j4h5-12345',
    HTTP_HOST: 'localhost:8000',
    HTTP_USER_AGENT: 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    HTTP_ACCEPT: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
    HTTP_ACCEPT_LANGUAGE: 'en-US,en;q=0.5',
    HTTP_ACCEPT_ENCODING: 'gzip, deflate, br, zstd',
    HTTP_COOKIE: 'session=0123456789abcdef0123456789abcdef; theme=dark',
    HTTP_CACHE_CONTROL: 'no-cache',
  };
  const text = Object.entries(pairs).map(([key, value]) => `${key}\0${value}\0`);
  return Buffer.from(text.join(''), 'latin1');
}

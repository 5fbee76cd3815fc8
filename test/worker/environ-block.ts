/** An environ as it travels. */
export function environBlock(pairs: Readonly<Record<string, string>>): Buffer {
  const strings = Object.entries(pairs).map(([key, value]) => `${key}\0${value}\0`);
  return Buffer.from(strings.join(''), 'latin1');
}

let lastRequest = 0;

/** The environ of a plausible request. */
export function requestEnviron(path: string, changes: Readonly<Record<string, string>> = {}): Buffer {
  return environBlock({
    SERVER_NAME: '127.0.0.1',
    SERVER_PORT: '8000',
    REMOTE_ADDR: '127.0.0.1',
    'wsgi.url_scheme': 'http',
    REQUEST_METHOD: 'GET',
    SCRIPT_NAME: '',
    PATH_INFO: path,
    QUERY_STRING: '',
    RAW_URI: path,
    SERVER_PROTOCOL: 'HTTP/1.1',
    'portcullis.request_id': `r${++lastRequest}`,
    HTTP_HOST: 'example.com',
    ...changes,
  });
}

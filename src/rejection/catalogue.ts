import type { RuleId } from './rules.ts';

/** What an operator reads about a rule: docs/rules.md is made of it, and a test sends every example to a real edge. */
export type RulePage = {
  /** What was wrong, and why that is refused. */
  readonly meaning: string;
  /** A request that breaks it, as `expand` reads it. */
  readonly example: string;
  /** The policy file under which it does; the shipped default if left out. */
  readonly policy?: object;
  /** What has to happen beside those bytes. */
  readonly when?: string;
  /** The connection is closed before a head is read: there is nobody to answer yet, whatever the status. */
  readonly closesUnread?: true;
};

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const post = 'POST / HTTP/1.1\r\nHost: a\r\n';
const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`;

export const catalogue: Readonly<Record<RuleId, RulePage>> = {
  'request-line.too-long': {
    meaning: 'The request line, without its CRLF, is longer than the policy allows. The first byte above it ends it.',
    example: 'GET /{a*5000} HTTP/1.1\r\nHost: a\r\n\r\n',
  },
  'request-line.malformed': {
    meaning:
      'Not `method SP target SP HTTP/1.x CRLF`: a bare LF, other white space, a missing part, another protocol (TLS sent to a plain port, a PROXY line), or a second empty line before it. Where two readers split such a line differently, one of them sees another request.',
    example: 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n',
  },
  'version.unsupported': {
    meaning: 'A version other than HTTP/1.1 and HTTP/1.0, HTTP/2 without TLS among them.',
    example: 'GET / HTTP/1.2\r\nHost: a\r\n\r\n',
  },
  'method.not-allowed': {
    meaning: 'A method that the policy does not list. The Allow field of the answer lists those that it does.',
    example: 'PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n',
  },
  'method.unknown': {
    meaning:
      'A method that this server does not implement: CONNECT and TRACE always, and names that no HTTP method has.',
    example: 'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n',
  },
  'target.malformed': {
    meaning:
      'The request target is no origin-form, absolute-form with `http://`, or `*` for OPTIONS; or it holds a byte that a URI may not hold, an escape that is none, or `%00` in its path.',
    example: 'GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n',
  },
  'target.forbidden': {
    meaning:
      'The path, once decoded, has a dot segment, or has a slash or backslash that was percent-encoded: both move a path to where checks before the application did not look.',
    example: 'GET /static/%2e%2e/secret HTTP/1.1\r\nHost: a\r\n\r\n',
  },
  'target.not-mounted': {
    meaning: 'The path lies outside of the one that the application is mounted at (`--script-name`, `SCRIPT_NAME`).',
    example: get,
    when: 'the server runs with `--script-name /app`',
  },
  'host.missing': {
    meaning: 'HTTP/1.1 without a Host field.',
    example: 'GET / HTTP/1.1\r\n\r\n',
  },
  'host.malformed': {
    meaning:
      'More than one Host field, or one that is no host name, IPv4 or bracketed IPv6 address with an optional port.',
    example: 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  },
  'host.conflict': {
    meaning: 'An absolute-form target names another host than the Host field: caches and applications would disagree.',
    example: 'GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n',
  },
  'host.not-allowed': {
    meaning: 'A host that the policy does not list.',
    example: 'GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n',
    policy: { request: { hosts: ['example.com'] } },
  },
  'fields.too-many': {
    meaning: 'More field lines than the policy allows.',
    example: 'GET / HTTP/1.1\r\nHost: a\r\n{X: y\r\n*100}\r\n',
  },
  'field.too-large': {
    meaning: 'One field line, without its CRLF, is longer than the policy allows.',
    example: 'GET / HTTP/1.1\r\nHost: a\r\nX: {y*8190}\r\n\r\n',
  },
  'fields.too-large': {
    meaning: 'All field lines together, with their CRLF, are longer than the policy allows.',
    example: 'GET / HTTP/1.1\r\nHost: a\r\n{X: yyyyyyyyyyyyyyyy\r\n*99}\r\n',
    policy: { request: { fields: { maxTotalBytes: '1KiB' } } },
  },
  'field.malformed': {
    meaning:
      'Not `name: value CRLF`: a bare LF or CR, a line that folds into the next, white space before the colon, a name that is no token, a control byte in a value; or, where the policy says `underscores: reject`, a name whose key in the environ another name shares.',
    example: 'GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n',
  },
  'field.repeated': {
    meaning:
      'A field that has one value came twice: Authorization, Content-Type, Expect or User-Agent. (Host and Content-Length have rules of their own.)',
    example: 'GET / HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nAuthorization: y\r\n\r\n',
  },
  'framing.conflict': {
    meaning:
      'Two statements of where the content ends: Content-Length with Transfer-Encoding, `chunked` that is not the last coding, or Transfer-Encoding in HTTP/1.0. This is how requests are smuggled.',
    example: `${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n`,
  },
  'framing.transfer-coding': {
    meaning: 'A transfer coding other than exactly `chunked`, so that nobody here can tell where the content ends.',
    example: `${post}Transfer-Encoding: gzip, chunked\r\n\r\n`,
  },
  'framing.content-length': {
    meaning:
      'Content-Length that is not digits alone, that came twice (also with the same value), or that the content does not keep.',
    example: `${post}Content-Length: +5\r\n\r\nhello`,
  },
  'framing.chunk': {
    meaning:
      'Chunked content against its grammar: a size of anything but 1 to 16 hexadecimal digits, no CRLF after size or data, a malformed extension, or more bytes of framing than the limits of the field section and the content allow.',
    example: `${chunked}5\nhello\r\n0\r\n\r\n`,
  },
  'trailer.forbidden': {
    meaning:
      'A trailer field that decides on framing, routing or authentication; or any trailer, where the policy says so.',
    example: `${chunked}0\r\nContent-Length: 5\r\n\r\n`,
  },
  'trailer.too-large': {
    meaning: 'The trailer section breaks one of the three limits of the field section.',
    example: `${chunked}0\r\nX: {y*8190}\r\n\r\n`,
  },
  'content.too-large': {
    meaning:
      'More content than the policy allows: as declared by Content-Length or a chunk size, before a byte of it is read.',
    example: `${post}Content-Length: 1048577\r\n\r\n`,
  },
  'client.denied': {
    meaning:
      'The address of the client is among those that `clients.deny` names, or not among those of `clients.allow`, which may be another list on each route.',
    example: get,
    policy: { clients: { deny: ['127.0.0.0/8'] } },
  },
  'client.blocked': {
    meaning:
      'The client collected too many refusals and is blocked for a while (the jail). Nothing of what it sends is read; Retry-After says for how long.',
    example: get,
    policy: { jail: { maxScore: 10 } },
    when: 'the client was refused by `framing.conflict` before',
  },
  'rate.exceeded': {
    meaning:
      'More requests than a rate limit lets pass. Retry-After says in how many seconds the next one may come, RateLimit and RateLimit-Policy which limit it was.',
    example: get,
    policy: { rateLimits: [{ name: 'per-client', requests: 1, per: '1h' }] },
    when: 'it is the second one within an hour',
  },
  'rate.unknown': {
    meaning:
      'The store that counts for a rate limit, or the master, does not answer, and the policy wants no request to pass uncounted. It is not held against the client.',
    example: get,
    policy: {
      rateLimits: [{ name: 'per-client', requests: 100, per: '1s' }],
      rateLimitStore: { outage: 'refuse' },
    },
    when: 'the store is away',
  },
  'proxy.malformed': {
    meaning:
      'A connection of a trusted proxy does not begin with a PROXY header of the version that the policy asks for. Whose connection it is cannot be known.',
    example: get,
    policy: { clients: { trustedProxies: ['127.0.0.0/8'], proxyProtocol: 'any' } },
  },
  'expect.unsupported': {
    meaning: 'An Expect field with anything but `100-continue`.',
    example: 'GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n',
  },
  'timeout.head': {
    meaning: 'The head was not complete in time, counted from its first byte: bytes that trickle in reset nothing.',
    example: 'GET / HTTP/1.1\r\nHost: ',
    when: 'nothing more comes for as long as `/timeouts/head`',
  },
  'timeout.content': {
    meaning: 'No content came for too long.',
    example: `${post}Content-Length: 5\r\n\r\nhel`,
    when: 'nothing more comes for as long as `/timeouts/content`',
  },
  'content.too-slow': {
    meaning: 'Content came, but too slowly: bytes that trickle in reset `/timeouts/content`, and not this.',
    example: `${post}Content-Length: 1000000\r\n\r\nhel`,
    when: 'a byte comes now and then, for longer than `/timeouts/rateGrace`',
  },
  'timeout.keep-alive': {
    meaning: 'An idle connection was closed. No request is refused by it, and only the log level `debug` shows it.',
    example: get,
    when: 'nothing comes behind the response for as long as `/keepAlive/idle`',
  },
  'timeout.write': {
    meaning: 'The client took no byte of the response for too long: the connection is closed, whatever was on its way.',
    example: get,
    when: 'the response is long and is not read for as long as `/timeouts/write`',
  },
  'response.too-slow': {
    meaning: 'The client took the response too slowly: the connection is closed, whatever was on its way.',
    example: get,
    policy: { timeouts: { writeMinRate: '1GiB/s' } },
    when: 'the response is long and some of it is read after `/timeouts/rateGrace`',
  },
  'timeout.worker': {
    meaning: 'The application did not begin its response, or did not go on with it, in time.',
    example: get,
    when: 'the application does not answer for as long as `/timeouts/worker`',
  },
  'timeout.queue': {
    meaning: 'No worker took the request in time.',
    example: get,
    when: 'all workers are busy for as long as `/timeouts/queue`',
  },
  'worker.failed': {
    meaning:
      'The worker died with the request, or what the application answered is no response. The log has the details.',
    example: get,
    when: 'the worker exits while it runs the request',
  },
  'upstream.too-large': {
    meaning:
      'The request would take more than a uWSGI server reads of one: its `buffer-size`, or more variables than it keeps. It would close the connection without an answer, or lose the last fields. `?buffer=` and `?vars=` behind the upstream say what it takes.',
    example: 'GET / HTTP/1.1\r\nHost: a\r\nCookie: {y*5000}\r\n\r\n',
    when: 'the application runs in a uWSGI server with its usual buffer of 4096 bytes',
  },
  'connections.too-many': {
    meaning: 'As many connections as the policy allows are open. The new one is closed before anything of it is read.',
    example: get,
    policy: { connections: { max: 1 } },
    when: 'another connection is open',
    closesUnread: true,
  },
  'memory.exhausted': {
    meaning:
      'What all connections keep waiting fills the memory that they may have together, and this one kept most of it. A response that has begun is cut.',
    example: `${post}Content-Length: 3000000\r\n\r\n{a*2000000}`,
    policy: { memory: { budgetBytes: '1MiB' }, request: { content: { maxBytes: '4MiB', memoryBytes: '4MiB' } } },
    when: 'more than 1 MiB of it has come',
  },
  'spool.full': {
    meaning:
      'The content is more than memory may hold of it, and the files that would take it have reached their limit, or the disk is full. The log says which.',
    example: `${post}Content-Length: 1048576\r\n\r\n{a*1048576}`,
    policy: { spool: { maxBytes: '64KiB' } },
    when: 'more than 64 KiB of it has come',
  },
  'overload.queue': {
    meaning: 'As many requests as the policy allows wait for a worker.',
    example: get,
    when: 'the queue is full',
  },
};

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeResponseHead } from '../../src/worker/start-response.ts';

const maxBytes = 1000;

const refused = [
  { behaviour: 'a status that is a number', status: 200, headers: [], error: /status/ },
  { behaviour: 'a status without a reason', status: '200', headers: [], error: /status/ },
  { behaviour: 'an interim status', status: '100 Continue', headers: [], error: /status/ },
  { behaviour: 'a switch of protocols', status: '101 Switching Protocols', headers: [], error: /status/ },
  { behaviour: 'a status beyond 599', status: '600 Odd', headers: [], error: /status/ },
  { behaviour: 'a status of four digits', status: '2000 OK', headers: [], error: /status/ },
  { behaviour: 'a line end in the status', status: '200 OK\r\nSet-Cookie: a', headers: [], error: /status/ },
  { behaviour: 'a NUL in the status', status: '200 O\0K', headers: [], error: /status/ },
  { behaviour: 'a line end behind the status', status: '200 OK\n', headers: [], error: /status/ },
  { behaviour: 'a status beyond latin1', status: '200 \u0141', headers: [], error: /status/ },
  { behaviour: 'an object of headers', status: '200 OK', headers: { 'X-A': 'b' }, error: /array/ },
  { behaviour: 'no headers', status: '200 OK', headers: undefined, error: /array/ },
  { behaviour: 'a header that is a string', status: '200 OK', headers: ['X-A: b'], error: /\[name, value\]/ },
  { behaviour: 'a header of three', status: '200 OK', headers: [['X-A', 'b', 'c']], error: /\[name, value\]/ },
  { behaviour: 'an empty name', status: '200 OK', headers: [['', 'b']], error: /no header name/ },
  { behaviour: 'a space in a name', status: '200 OK', headers: [['X A', 'b']], error: /no header name/ },
  { behaviour: 'a colon in a name', status: '200 OK', headers: [['X:', 'b']], error: /no header name/ },
  { behaviour: 'a line end in a name', status: '200 OK', headers: [['X\r\nY', 'b']], error: /no header name/ },
  { behaviour: 'a line end behind a name', status: '200 OK', headers: [['X\n', 'b']], error: /no header name/ },
  { behaviour: 'a name that is no string', status: '200 OK', headers: [[7, 'b']], error: /no header name/ },
  { behaviour: 'a CR in a value', status: '200 OK', headers: [['X-A', 'b\rc']], error: /control characters/ },
  { behaviour: 'an LF in a value', status: '200 OK', headers: [['X-A', 'b\nc']], error: /control characters/ },
  { behaviour: 'an LF behind a value', status: '200 OK', headers: [['X-A', 'b\n']], error: /control characters/ },
  { behaviour: 'a NUL in a value', status: '200 OK', headers: [['X-A', 'b\0c']], error: /control characters/ },
  { behaviour: 'a value beyond latin1', status: '200 OK', headers: [['X-A', '\u0141']], error: /U\+00FF/ },
  { behaviour: 'a value that is a number', status: '200 OK', headers: [['Content-Length', 3]], error: /string/ },
  {
    behaviour: 'Transfer-Encoding',
    status: '200 OK',
    headers: [['transfer-encoding', 'chunked']],
    error: /connection/,
  },
  { behaviour: 'Connection', status: '200 OK', headers: [['Connection', 'close']], error: /connection/ },
  { behaviour: 'Keep-Alive', status: '200 OK', headers: [['Keep-Alive', 'timeout=5']], error: /connection/ },
  { behaviour: 'Upgrade', status: '200 OK', headers: [['UPGRADE', 'h2c']], error: /connection/ },
  { behaviour: 'TE', status: '200 OK', headers: [['Te', 'trailers']], error: /connection/ },
  { behaviour: 'Trailer', status: '200 OK', headers: [['Trailer', 'X-A']], error: /connection/ },
  { behaviour: 'a negative length', status: '200 OK', headers: [['Content-Length', '-1']], error: /no length/ },
  { behaviour: 'a length with a sign', status: '200 OK', headers: [['Content-Length', '+1']], error: /no length/ },
  { behaviour: 'a hexadecimal length', status: '200 OK', headers: [['Content-Length', '0x1']], error: /no length/ },
  {
    behaviour: 'an absurd length',
    status: '200 OK',
    headers: [['Content-Length', '9'.repeat(16)]],
    error: /no length/,
  },
  {
    behaviour: 'two lengths, even if they agree',
    status: '200 OK',
    headers: [
      ['Content-Length', '1'],
      ['content-length', '1'],
    ],
    error: /two Content-Length/,
  },
  {
    behaviour: 'a head that is too large',
    status: '200 OK',
    headers: [['X-A', 'x'.repeat(1000)]],
    error: /at most 1000/,
  },
];

describe('startResponse', () => {
  for (const { behaviour, status, headers, error } of refused) {
    it(`refuses ${behaviour}`, () => {
      // Twice: names are remembered, and what is remembered must not be let through.
      for (let round = 0; round < 2; round++) {
        assert.throws(
          () => encodeResponseHead(status, headers, maxBytes),
          (thrown) => thrown instanceof TypeError && error.test(thrown.message),
        );
      }
    });
  }

  it('encodes status and fields in order, repeated ones too', () => {
    const headers = [
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=\xe9'],
      ['X-Empty', ''],
      ['X-Tab', 'a\tb'],
    ];
    const head = encodeResponseHead('200 OK', headers, maxBytes);
    assert.equal(head.encoded, '200 OK\0Set-Cookie\0a=1\0Set-Cookie\0b=\xe9\0X-Empty\0\0X-Tab\0a\tb\0');
    assert.equal(head.contentLength, null);
    assert.equal(head.isBodyless, false);
  });

  it('knows the length and what has no content', () => {
    assert.equal(encodeResponseHead('200 OK', [['content-LENGTH', '007']], maxBytes).contentLength, 7);
    assert.equal(encodeResponseHead('204 No Content', [], maxBytes).isBodyless, true);
    assert.equal(encodeResponseHead('304 Not Modified', [], maxBytes).isBodyless, true);
    assert.equal(encodeResponseHead('404 ', [], maxBytes).encoded, '404 \0');
  });
});

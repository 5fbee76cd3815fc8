/**
 * Takes the secrets out of a request that may be malformed in any way, and leaves what a rule could object to. So it works on
 * lines and not on what a parser understood: CR, LF and CRLF all end a line, folded lines are masked, and so is each line that
 * is no field line to the letter. A masked byte becomes an asterisk, so that every length stays; control bytes stay; a
 * byte above 0x7f where the grammar has none becomes 0xff. In doubt it masks.
 */
export type MaskedRequest = {
  /** One character a byte. Ends with the head: what stands behind it is content, or another request. */
  readonly text: string;
  /** The empty line at the end of the head is there. */
  readonly isWhole: boolean;
  /** A field says that content follows. */
  readonly announcesContent: boolean;
};

/** A name without its marks that has one of these in it is masked: `X-Api-Key`, `x_auth_token`, `Set-Cookie2`. */
const secretWords = [
  ...['auth', 'cookie', 'token', 'secret', 'passw', 'passphrase', 'credential', 'session', 'jwt', 'saml', 'assertion'],
  ...['apikey', 'accesskey', 'privatekey', 'csrf', 'xsrf', 'signature', 'clientcert', 'oidc', 'otp', 'dpop', 'pwd'],
];
/** Names that end so: `Ocp-Apim-Subscription-Key`, `X-Amz-Server-Side-Encryption-Customer-Key`, `X-Pass`. */
const secretEnd = /(?:key|pass)$/;
/** RFC 9110 section 11.4: credentials in whatever field, as proxies move them to one of their own. */
const credentials = /^[ \t]*(?:basic|bearer|digest|negotiate|ntlm|hoba|mutual)[ \t]/i;
/** A URI that may have a query or userinfo, in a field of any name: `X-Callback-Url`, `Location`, `Refresh`. */
const absoluteUri = /:\/\//;
const userinfo = /(:\/\/)([^\s/\\?#<>"]*)(?=@)/g;
/** Their values are URIs, which have queries. */
const uriFields: ReadonlySet<string> = new Set([
  ...['referer', 'origin', 'destination', 'content-location', 'link', 'x-original-url', 'x-original-uri'],
  ...['x-rewrite-url', 'x-forwarded-uri', 'x-forwarded-url', 'x-request-uri'],
]);

/** Masked, these would have another rule object, or none: they say what the request is. */
export const neverMasked: ReadonlySet<string> = new Set([
  ...['host', 'content-length', 'transfer-encoding', 'connection', 'expect', 'upgrade', 'te', 'trailer'],
]);

const fieldLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)([ \t]*:)(.*)$/s;
const shortToken = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/;
const methodInUpperCase = /^[A-Z][A-Z_-]{0,19}$/;
const targetWithForm = /^(?:[/*]|https?:)/i;

/** `names`: further field names to mask, in lower case. */
export function maskRequest(bytes: Uint8Array, names: ReadonlySet<string>): MaskedRequest {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const lineEnd = /\r\n|\r|\n/g;
  let text = '';
  let inFields = false;
  let announcesContent = false;
  for (let at = 0; at < head.length; at = lineEnd.lastIndex) {
    const found = lineEnd.exec(head);
    const line = head.slice(at, found?.index);
    if (found === null)
      return { text: text + maskLine(line, inFields, false, names), isWhole: false, announcesContent };
    const [end] = found;
    if (inFields && line === '') {
      // Behind a CR alone stands the byte that shows that it is alone.
      const next = end === '\r' ? maskUnknown(head.slice(lineEnd.lastIndex, lineEnd.lastIndex + 1)) : '';
      return { text: text + end + next, isWhole: end !== '\r' || next !== '', announcesContent };
    }
    text += maskLine(line, inFields, true, names) + end;
    inFields ||= line !== '';
    announcesContent ||= saysContent(line);
  }
  return { text, isWhole: false, announcesContent };
}

function maskLine(line: string, inFields: boolean, isWhole: boolean, names: ReadonlySet<string>): string {
  return inFields ? maskFieldLine(line, names) : maskRequestLine(line, isWhole);
}

function saysContent(line: string): boolean {
  const [, name = '', , value = ''] = fieldLine.exec(line) ?? [];
  return /^transfer-encoding$/i.test(name) || (/^content-length$/i.test(name) && value.trim() !== '0');
}

function maskRequestLine(line: string, isWhole: boolean): string {
  const end = endWithoutSpace(line);
  const lastWord = lastSpace(line, end) + 1;
  const version = maskVersion(line.slice(lastWord, end), isWhole);
  if (version === undefined) return maskMethodAndTarget(line.slice(0, end), false) + line.slice(end);
  const targetEnd = endWithoutSpace(line.slice(0, lastWord));
  return (
    maskMethodAndTarget(line.slice(0, targetEnd), true) + line.slice(targetEnd, lastWord) + version + line.slice(end)
  );
}

/** Undefined: this last word is no version, nor the beginning of one where the line goes on. */
function maskVersion(word: string, isWhole: boolean): string | undefined {
  if (!isWhole && word !== '' && 'HTTP/'.startsWith(word)) return word;
  if (!/^HTTP\//i.test(word)) return undefined;
  const [known = ''] = /^.{5}[0-9.]*/s.exec(word) ?? [];
  return known + maskUnknown(word.slice(known.length));
}

/** Content of another request may have come to stand where a request line is expected: only what looks like one is shown. */
function maskMethodAndTarget(start: string, hasVersion: boolean): string {
  const [, method = '', space = '', target = ''] = /^([^ \t]*)([ \t]*)(.*)$/s.exec(start) ?? [];
  const isMethod = methodInUpperCase.test(method) || (hasVersion && shortToken.test(method));
  if (targetWithForm.test(target)) return (isMethod ? method : maskUnknown(method)) + space + maskUri(target);
  if (!methodInUpperCase.test(method)) return maskUnknown(start);
  // The first byte tells what form the target would have.
  return method + space + target.slice(0, 1).replace(/[\x80-\xff]/, '\xff') + maskUnknown(target.slice(1));
}

function maskFieldLine(line: string, names: ReadonlySet<string>): string {
  // A folded line belongs to the field above, or is one of its own to a reader that strips it.
  if (line.startsWith(' ') || line.startsWith('\t')) return maskValue(line);
  const [, name, colon = '', value = ''] = fieldLine.exec(line) ?? [];
  if (name === undefined) return maskUnknown(line);
  return name + colon + maskFieldValue(name.toLowerCase(), value, names);
}

function maskFieldValue(name: string, value: string, names: ReadonlySet<string>): string {
  if (neverMasked.has(name)) return name === 'host' ? maskUserinfo(value, '') : value;
  const plain = name.replace(/[^a-z0-9]/g, '');
  const isSecret = secretEnd.test(plain) || secretWords.some((word) => plain.includes(word));
  if (isSecret || names.has(name) || credentials.test(value)) return maskValue(value);
  return uriFields.has(name) || absoluteUri.test(value) ? maskUri(value.replace(userinfo, maskMatch)) : value;
}

function maskMatch(_: string, start: string, secret: string): string {
  return start + maskQueryBytes(secret);
}

/** White space around the value stays, so that it stays the same value to the parser: one of so many bytes. */
function maskValue(value: string): string {
  const end = endWithoutSpace(value);
  let start = 0;
  while (start < end && isSpace(value, start)) start++;
  return value.slice(0, start) + value.slice(start, end).replace(/[\t\x20-\x7e\x80-\xff]/g, '*') + value.slice(end);
}

/** What no grammar gives a meaning to: letters and digits go, delimiters and control bytes stay. */
function maskUnknown(text: string): string {
  return text.replace(/[!#$%&'*+.^_`|~0-9A-Za-z-]/g, '*').replace(/[\x80-\xff]/g, '\xff');
}

/** Userinfo, the values of path parameters (`;jsessionid=…`) and of the query; a fragment as well. */
function maskUri(uri: string): string {
  const at = uri.search(/[?#]/);
  const path = at < 0 ? uri : uri.slice(0, at);
  const isPath = /^\/(?![/\\])/.test(path);
  // `/..;x=../`: dots and escapes are what the rules of targets look at.
  const parameters = /(;[^=;/\\]*=)([^;/\\]+)/g;
  const masked = (isPath ? path : maskUserinfo(path, schemeOf(path))).replace(
    parameters,
    (_, name: string, value: string) =>
      name + value.replace(/%..|[0-9A-Za-z_-]/gs, (one) => (one[0] === '%' ? one : '*')),
  );
  return at < 0 ? masked : masked + maskQuery(uri.slice(at));
}

/** `http://` of `http://host`, with however many slashes. */
function schemeOf(uri: string): string {
  return /^[ \t]*(?:[A-Za-z][A-Za-z0-9+.-]*:(?=[/\\]))?[/\\]*/.exec(uri)?.[0] ?? '';
}

function maskUserinfo(uri: string, scheme: string): string {
  const [authority = ''] = /^[^/\\]*/.exec(uri.slice(scheme.length)) ?? [];
  const at = authority.lastIndexOf('@');
  if (at < 0) return uri;
  return scheme + maskQueryBytes(authority.slice(0, at)) + uri.slice(scheme.length + at);
}

/** Begins with its question mark, or the number sign of a fragment. */
function maskQuery(query: string): string {
  const parts = query.slice(1).split('&');
  return query.slice(0, 1) + parts.map(maskParameter).join('&');
}

/** A name whose value is empty may be a secret that ends with `=`, as base64 does. */
function maskParameter(parameter: string): string {
  const at = parameter.indexOf('=');
  const value = parameter.slice(at + 1);
  if (at < 0 || /^=*$/.test(value)) return parameter.split('=').map(maskQueryBytes).join('=');
  return `${parameter.slice(0, at)}=${maskQueryBytes(value)}`;
}

/** All that a query may hold; what it may not is what a rule objects to. */
function maskQueryBytes(text: string): string {
  return text.replace(/[!"$-;=?-~]/g, '*').replace(/[\x80-\xff]/g, '\xff');
}

function isSpace(text: string, at: number): boolean {
  return text[at] === ' ' || text[at] === '\t';
}

function endWithoutSpace(text: string): number {
  let end = text.length;
  while (end > 0 && isSpace(text, end - 1)) end--;
  return end;
}

/** Index of the last SP or HTAB before `end`; -1 without one. */
function lastSpace(text: string, end: number): number {
  let at = end - 1;
  while (at >= 0 && !isSpace(text, at)) at--;
  return at;
}

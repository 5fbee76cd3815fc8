import type { Message } from './reading.ts';

/** Never reaches an application (DESIGN section 5). */
const never =
  /^(connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|proxy|proxy-authenticate|proxy-authorization|http2-settings|forwarded|x-forwarded-.+|x-real-ip|x-client-ip)$/;

/**
 * What DESIGN section 5 says of the environ's keys that come from fields, as plainly as it can be said; Content-Length
 * left out.
 */
export function plainFields(lines: readonly (readonly [string, string])[]): Record<string, string> {
  const nominated = lines
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.toLowerCase().split(','))
    .map((name) => name.replace(/^[ \t]+|[ \t]+$/g, ''));
  const fields: Record<string, string> = {};
  for (const [name, value] of lines) {
    const lower = name.toLowerCase();
    if (!/^[a-z0-9-]+$/.test(lower) || never.test(lower) || lower === 'content-length') continue;
    if (nominated.includes(lower) && lower !== 'host' && lower !== 'content-type') continue;
    const upper = lower.toUpperCase().replaceAll('-', '_');
    const key = upper === 'CONTENT_TYPE' ? upper : `HTTP_${upper}`;
    const before = fields[key];
    fields[key] = before === undefined ? value : `${before}${lower === 'cookie' ? '; ' : ', '}${value}`;
  }
  return fields;
}

/** The whole environ of a request below `scriptName`, but for what comes from its connection. */
export function plainEnviron(message: Message, scriptName: string): Record<string, string> {
  const [, authority, pathAndQuery = ''] = /^(?:[a-z]+:\/\/([^/?]*))?(.*)$/i.exec(message.target) ?? [];
  const questionMark = pathAndQuery.indexOf('?');
  const path = questionMark < 0 ? pathAndQuery : pathAndQuery.slice(0, questionMark);
  const decoded = path.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const mounted = decoded === '*' ? '' : scriptName;
  const length = message.fields.find(([name]) => name === 'content-length')?.[1];
  return {
    REQUEST_METHOD: message.method,
    SCRIPT_NAME: mounted,
    PATH_INFO: decoded === '' && authority !== undefined ? '/' : decoded.slice(mounted.length),
    QUERY_STRING: questionMark < 0 ? '' : pathAndQuery.slice(questionMark + 1),
    RAW_URI: message.target,
    SERVER_PROTOCOL: `HTTP/1.${message.minorVersion}`,
    ...(length === undefined ? {} : { CONTENT_LENGTH: String(Number(length)) }),
    ...plainFields(message.fields),
    // RFC 9112 section 3.2.2: an absolute-form target replaces the Host field.
    ...(authority === undefined ? {} : { HTTP_HOST: authority }),
  };
}

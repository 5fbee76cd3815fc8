import { isUtf8 } from 'node:buffer';

/** The user name of Basic credentials, one character a byte; never the password. Undefined: there is none, or it is malformed. */
export function basicUser(authorization: string | undefined): string | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const credentials = Buffer.from(encoded, 'base64');
  const end = credentials.indexOf(':');
  return end > 0 && isUtf8(credentials) ? credentials.toString('latin1', 0, end) : undefined;
}

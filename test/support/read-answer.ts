/** An answer as a client reads it, however its content was framed. */
export type ReadAnswer = {
  /** Status codes of the 1xx answers before it. */
  readonly interim: readonly number[];
  readonly version: string;
  readonly status: number;
  readonly reason: string;
  /** Names in lower case, in the order of the answer. */
  readonly fields: readonly (readonly [string, string])[];
  readonly content: Buffer;
  /** The connection ended before the content did. */
  readonly isCut: boolean;
};

/** All of one connection: interim answers, then one answer. Throws where there is none. */
export function readAnswer(received: string, method = 'GET'): ReadAnswer {
  const interim: number[] = [];
  for (let rest = received; ; ) {
    const end = rest.indexOf('\r\n\r\n');
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n');
    const [, version, code, reason = ''] = /^HTTP\/(\d\.\d) (\d{3})(?: (.*))?$/.exec(statusLine) ?? [];
    if (end < 0 || version === undefined) throw new Error(`no answer: ${JSON.stringify(received.slice(0, 200))}`);
    const status = Number(code);
    rest = rest.slice(end + 4);
    if (status < 200) {
      interim.push(status);
      continue;
    }
    const fields = lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    });
    const isEmpty = method === 'HEAD' || status === 204 || status === 304;
    const { content, isCut } = isEmpty ? { content: rest, isCut: false } : unframe(rest, new Map(fields));
    return { interim, version, status, reason, fields, content: Buffer.from(content, 'latin1'), isCut };
  }
}

/** Every value of a field, joined; null where it is missing. */
export function fieldValue({ fields }: ReadAnswer, name: string): string | null {
  const values = fields.filter(([found]) => found === name).map(([, value]) => value);
  return values.length === 0 ? null : values.join(', ');
}

type Unframed = { readonly content: string; readonly isCut: boolean };

function unframe(rest: string, fields: ReadonlyMap<string, string>): Unframed {
  if (fields.get('transfer-encoding') === 'chunked') return withoutChunks(rest);
  const length = Number(fields.get('content-length') ?? rest.length);
  // What follows stays in the content, where a test sees it.
  return { content: rest, isCut: rest.length < length };
}

function withoutChunks(rest: string): Unframed {
  let content = '';
  for (let at = 0; ; ) {
    const lineEnd = rest.indexOf('\r\n', at);
    const length = Number.parseInt(rest.slice(at, lineEnd), 16);
    if (lineEnd < 0 || rest.length < lineEnd + 2 + length + 2) return { content, isCut: true };
    if (length === 0) return { content: content + rest.slice(lineEnd + 4), isCut: false };
    content += rest.slice(lineEnd + 2, lineEnd + 2 + length);
    at = lineEnd + 2 + length + 2;
  }
}

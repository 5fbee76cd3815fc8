import { escapeQuoted, escapeWord } from './access-log-escape.ts';
import { basicUser } from './basic-user.ts';
import { createCommonLogTime } from './log-time.ts';
import type { LogNeeds } from './logged-request.ts';
import { fieldBehind, type LogContext, type LoggedName, loggedNames, loggedValues } from './logged-values.ts';

/** Gunicorn's, byte for byte. */
export const defaultAccessLogFormat = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"';

/** A format, read once: each request then costs what its line shows. */
export type AccessLogFormat = {
  readonly needs: LogNeeds;
  /** Without a line end, one character a byte; printable ASCII but for what the format itself says. */
  write(context: LogContext): string;
};

/** The operator's mistake; `atom` is the one that is not known, where it is that. */
export class FormatMistake extends Error {
  override readonly name = 'FormatMistake';
  readonly atom: string | null;

  constructor(message: string, atom: string | null = null) {
    super(message);
    this.atom = atom;
  }
}

type Write = (context: LogContext) => string;
/** `escapeText` is that of the place where the atom stands: between quotes or not. */
type Atom = {
  readonly write: (escapeText: (text: string) => string) => Write;
  readonly isNumber?: true;
} & Partial<LogNeeds>;

const commonLogTime = createCommonLogTime();

/** Absent is `-`. */
const text = (read: (context: LogContext) => string | null | undefined): Pick<Atom, 'write'> => ({
  write: (escapeText) => (context) => {
    const value = read(context);
    return value == null ? '-' : escapeText(value);
  },
});
/** Text of our own making. */
const own = (write: Write): Pick<Atom, 'write'> => ({ write: () => write });
const number = (write: (context: LogContext) => number): Atom => ({
  write: () => (context) => String(write(context)),
  isNumber: true,
});
const fieldText = (name: string): Atom => ({
  ...text(({ request }) => request.field(name)),
  requestFields: [name],
});

const seconds = ({ record }: LogContext): number => (record.endedAt - record.startedAt) / 1000;

/** Source: `atoms` in gunicorn/glogging.py. */
const gunicornAtoms: Readonly<Record<string, Atom>> = {
  h: text(({ request }) => request.client || null),
  l: own(() => '-'),
  u: { ...text(({ request }) => basicUser(request.field('authorization'))), requestFields: ['authorization'] },
  t: own(({ now }) => `[${commonLogTime(now)}]`),
  r: { write: (escapeText) => (context) => requestLine(context, escapeText) },
  m: text(({ request }) => request.method),
  U: { ...text(({ request }) => request.environValue('path_info') ?? pathOf(request.target)), environ: true },
  q: text(({ request }) => queryOf(request.target)),
  H: own(({ request }) => request.protocol ?? '-'),
  s: own(({ record }) => (record.status === 0 ? '-' : String(record.status))),
  b: own(({ record }) => String(record.sentBytes)),
  B: number(({ record }) => record.sentBytes),
  f: fieldText('referer'),
  a: fieldText('user-agent'),
  T: number((context) => Math.floor(seconds(context))),
  D: number((context) => Math.floor(seconds(context) * 1e6)),
  M: number((context) => Math.floor(seconds(context) * 1e3)),
  L: own((context) => seconds(context).toFixed(6)),
  p: own(({ record }) => (record.workerPid === 0 ? '-' : `<${record.workerPid}>`)),
};

/** Between quotes a line may hold the two spaces of a request line. Outside, those of a head that was none would be fields. */
function requestLine({ request }: LogContext, escapeText: (text: string) => string): string {
  return request.method === null ? escapeText(request.line || '-') : escapeQuoted(request.line);
}

function pathOf(target: string | null): string | undefined {
  return target?.split('?', 1)[0];
}

function queryOf(target: string | null): string | undefined {
  const at = target?.indexOf('?') ?? -1;
  return target === null ? undefined : at < 0 ? '' : target.slice(at + 1);
}

/** All names that an operator may misspell. */
export const atomNames: readonly string[] = [...Object.keys(gunicornAtoms), ...loggedNames];

/** Throws `FormatMistake`. */
export function compileAccessLogFormat(format: string): AccessLogFormat {
  if (/[\x00-\x1f\x7f]/.test(format)) throw new FormatMistake('a line of the log is one line, so no control character');
  const pieces: { readonly literal: string; readonly write: Write }[] = [];
  const atoms: Atom[] = [];
  let literal = '';
  let isQuoted = false;
  for (const [piece, name, conversion] of format.matchAll(/%\((\{[^{}]+\}[a-zA-Z]|[^()]*)\)([sd])|%%|[^%]+|%/g)) {
    if (name === undefined) {
      if (piece === '%') throw new FormatMistake('a % that is neither %% nor the beginning of an atom as in %(h)s');
      literal += piece === '%%' ? '%' : piece;
      if ((piece.split('"').length - 1) % 2 === 1) isQuoted = !isQuoted;
      continue;
    }
    const atom = atomNamed(name);
    if (conversion === 'd' && atom.isNumber !== true) throw new FormatMistake(`%(${name})d is no number`, null);
    atoms.push(atom);
    pieces.push({ literal: bytesOf(literal), write: atom.write(isQuoted ? escapeQuoted : escapeWord) });
    literal = '';
  }
  const rest = bytesOf(literal);
  return {
    needs: needsOf(atoms),
    write: (context) => {
      let line = '';
      for (const piece of pieces) line += piece.literal + piece.write(context);
      return line + rest;
    },
  };
}

function atomNamed(name: string): Atom {
  const ofGunicorn = Object.hasOwn(gunicornAtoms, name) ? gunicornAtoms[name] : undefined;
  if (ofGunicorn !== undefined) return ofGunicorn;
  if (isLoggedName(name)) return ownAtom(name);
  const [, inner, kind] = /^\{(.+)\}([ioe])$/i.exec(name) ?? [];
  const key = inner?.toLowerCase();
  if (key === undefined) throw new FormatMistake(`there is no %(${name})s`, name);
  if (kind?.toLowerCase() === 'i') return fieldText(key);
  if (kind?.toLowerCase() === 'o')
    return { ...text(({ request }) => request.responseField(key)), responseFields: [key] };
  return { ...text(({ request }) => request.environValue(key)), environ: true };
}

function isLoggedName(name: string): name is LoggedName {
  return Object.hasOwn(loggedValues, name);
}

function ownAtom(name: LoggedName): Atom {
  const behind = fieldBehind[name];
  return {
    ...text(loggedValues[name].read),
    requestFields: behind === undefined ? [] : [behind],
  };
}

function needsOf(atoms: readonly Atom[]): LogNeeds {
  return {
    requestFields: [...new Set(atoms.flatMap(({ requestFields = [] }) => requestFields))],
    responseFields: [...new Set(atoms.flatMap(({ responseFields = [] }) => responseFields))],
    environ: atoms.some(({ environ }) => environ === true),
  };
}

/** Of the operator's own text, its UTF-8, one character a byte as in the rest of a line. */
function bytesOf(literal: string): string {
  return Buffer.from(literal).toString('latin1');
}

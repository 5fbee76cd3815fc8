/**
 * Patterns of paths, as the servlet specification has them (Jakarta Servlet 6.0 section 12.2), with `*` for an inner
 * segment too. A pattern is written decoded; it is compared as UTF-8 with the decoded bytes of a path.
 */

/** Above what any router has in one place; a limit so that a table stays shallow. */
const MAX_PATTERN_BYTES = 1024;

const encoder = new TextEncoder();

/** What an operator has to change before `pattern` can be compiled; undefined if nothing. */
export function patternProblem(pattern: string): string | undefined {
  if (!pattern.startsWith('/')) return 'does not begin with a slash';
  if (encoder.encode(pattern).length > MAX_PATTERN_BYTES) return `is longer than ${MAX_PATTERN_BYTES} bytes`;
  if (/\p{Cc}/u.test(pattern)) return 'holds a control character';
  if (/\p{Cs}/u.test(pattern)) return 'holds half of a surrogate pair, which no path can hold';
  if (pattern.includes('?')) return 'holds a question mark: a pattern is about the path, not the query';
  if (pattern.includes('#')) return 'holds a fragment, which no client sends';
  if (/%[0-9A-Fa-f]{2}/.test(pattern)) return 'holds a percent escape: a pattern is compared with the decoded path';
  if (pattern.includes('//')) return 'holds an empty segment: slashes in a row count as one';
  const segments = pattern.split('/');
  if (segments.includes('.') || segments.includes('..')) return 'holds a dot segment';
  if (segments.some((segment) => segment !== '*' && segment.includes('*'))) {
    return 'holds an asterisk within a segment: it stands for a whole one';
  }
  return undefined;
}

/** The parts of a pattern. `/a/*` ends with the rest, `/a/` with a slash, `/a` with its last segment. */
export type PatternParts = {
  /** Without the rest and the slash at the end; `*` is any one segment. */
  readonly segments: readonly string[];
  readonly ending: PatternEnding;
};

export type PatternEnding = 'segment' | 'slash' | 'rest';

export function partsOf(pattern: string): PatternParts {
  const segments = pattern.slice(1).split('/');
  const last = segments[segments.length - 1];
  if (last !== '*' && last !== '') return { segments, ending: 'segment' };
  return { segments: segments.slice(0, -1), ending: last === '*' ? 'rest' : 'slash' };
}

/**
 * Negative where `a` comes before `b`: segment by segment from the left, a literal one before `*` before an end before the
 * rest. Of two patterns that hold the same path, the first is the more specific one; 0 for the same pattern alone.
 */
export function comparePatterns(a: string, b: string): number {
  const left = ranks(a);
  const right = ranks(b);
  const shared = Math.min(left.length, right.length);
  for (let at = 0; at < shared; at++) {
    const difference = (left[at]?.rank ?? 0) - (right[at]?.rank ?? 0);
    if (difference !== 0) return difference;
    const one = left[at]?.text ?? '';
    const other = right[at]?.text ?? '';
    if (one !== other) return one < other ? -1 : 1;
  }
  return 0;
}

type Ranked = { readonly rank: number; readonly text: string };

const rankOfEnding = { slash: 2, segment: 3, rest: 4 } as const satisfies Record<PatternEnding, number>;

function ranks(pattern: string): Ranked[] {
  const { segments, ending } = partsOf(pattern);
  const ranked = segments.map((text) => ({ rank: text === '*' ? 1 : 0, text }));
  return [...ranked, { rank: rankOfEnding[ending], text: '' }];
}

/** A path as a client would send it that the pattern holds: an inner `*` is `x`, the rest is nothing. */
export function samplePath(pattern: string): string {
  const { segments, ending } = partsOf(pattern);
  const path = segments.map((segment) => `/${segment === '*' ? 'x' : encodeURI(segment)}`).join('');
  return ending === 'segment' ? path : `${path}/`;
}

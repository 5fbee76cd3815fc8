/** Sizes and durations as policy files write them. Units are exact and case counts: "64K" means 64,000 or 65,536. */
const bytesOf: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  KiB: 1024,
  MB: 1000 ** 2,
  MiB: 1024 ** 2,
  GB: 1000 ** 3,
  GiB: 1024 ** 3,
  TB: 1000 ** 4,
  TiB: 1024 ** 4,
};

const millisecondsOf: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Bytes of `"64KiB"`; undefined if it is no size. The forms are those of the schema's patterns. */
export function parseSize(text: string): number | undefined {
  const [, digits, unit] = /^(0|[1-9][0-9]{0,14})([A-Za-z]{1,3})$/.exec(text) ?? [];
  const bytes = bytesOf[unit ?? ''];
  return bytes === undefined ? undefined : Number(digits) * bytes;
}

/** Seconds of `"10s"`, `"1.5m"` or `"500ms"`; undefined if it is no duration. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit] = /^((?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,3})?)([a-z]{1,2})$/.exec(text) ?? [];
  const milliseconds = millisecondsOf[unit ?? ''];
  return milliseconds === undefined ? undefined : (Number(digits) * milliseconds) / 1000;
}

/** Bytes a second of `"1KiB/s"`; undefined if it is no rate. */
export function parseRate(text: string): number | undefined {
  return text.endsWith('/s') ? parseSize(text.slice(0, -2)) : undefined;
}

/** What a text that is no quantity may have been meant as, as a policy file would have it. */
type Guess = { readonly text: string; readonly number: number };

/** `64K` and `20m` of nginx, `64 kib` and a number in quotes. Gunicorn and nginx count in 1024s, so that comes first. */
export function nearSizes(text: string): readonly Guess[] {
  const [, digits, letter = '', suffix = ''] = /^(0|[1-9][0-9]{0,14}) ?([kmgt]?)(i?b)?$/i.exec(text) ?? [];
  if (digits === undefined) return [];
  if (letter === '') return [{ text: suffix === '' ? digits : `"${digits}B"`, number: Number(digits) }];
  const binary = `${letter.toUpperCase()}iB`;
  const decimal = letter.toLowerCase() === 'k' ? 'kB' : `${letter.toUpperCase()}B`;
  const units = suffix.length === 2 ? [binary] : [binary, decimal];
  return units.map((unit) => ({ text: `"${digits}${unit}"`, number: Number(digits) * (bytesOf[unit] ?? 1) }));
}

/** `10`, `10 s`, `10S`, `10sec` and `2min`. */
export function nearDurations(text: string): readonly Guess[] {
  const [, digits, word = ''] = /^((?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,3})?) ?([a-z]*)$/i.exec(text) ?? [];
  if (digits === undefined) return [];
  const unit = word === '' ? 's' : unitOfWord(word.toLowerCase());
  return unit === undefined
    ? []
    : [{ text: `"${digits}${unit}"`, number: (Number(digits) * (millisecondsOf[unit] ?? 1)) / 1000 }];
}

/** `500`, `1KiB` and `1k/s`: what would be a size once the time is away. */
export function nearRates(text: string): readonly Guess[] {
  const sizes = nearSizes(text.replace(/ ?(\/s|\/sec|ps)$/i, ''));
  return sizes.map(({ text: size, number }) => ({ text: size.replace(/"$/, '/s"'), number }));
}

function unitOfWord(word: string): string | undefined {
  if (Object.hasOwn(millisecondsOf, word)) return word;
  const words = {
    s: /^sec(ond)?s?$/,
    m: /^min(ute)?s?$/,
    h: /^(hr|hour)s?$/,
    d: /^days?$/,
    ms: /^(msec|millisecond)s?$/,
  };
  return Object.entries(words).find(([, pattern]) => pattern.test(word))?.[0];
}

/** A whole number in quotes. */
export function nearCounts(text: string): readonly Guess[] {
  return /^(0|[1-9][0-9]{0,14})$/.test(text) ? [{ text, number: Number(text) }] : [];
}

/** Whole milliseconds, the nearest; never 0 for a duration that is not 0, because 0 may mean `no deadline`. */
export function toMilliseconds(seconds: number): number {
  return seconds === 0 ? 0 : Math.max(1, Math.round(seconds * 1000));
}

/** `65536` as `64KiB`: in the largest binary unit that divides it. */
export function formatSize(bytes: number): string {
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB']) {
    const size = bytesOf[unit] ?? 1;
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return bytes === 1 ? '1 byte' : `${bytes} bytes`;
}

/** `1024` bytes a second as `1KiB/s`. */
export function formatRate(bytesPerSecond: number): string {
  const size = formatSize(bytesPerSecond);
  return `${size.endsWith('B') ? size : `${bytesPerSecond}B`}/s`;
}

/** `0.5` seconds as `500ms`: in the largest unit that divides it. */
export function formatDuration(seconds: number): string {
  const milliseconds = Math.round(seconds * 1000);
  for (const unit of ['d', 'h', 'm', 's']) {
    const length = millisecondsOf[unit] ?? 1;
    if (milliseconds >= length && milliseconds % length === 0) return `${milliseconds / length}${unit}`;
  }
  return `${milliseconds}ms`;
}

import type { Summary } from '../statistics.ts';

/** A median with its spread, as every table has it: `51 702 (48 211 to 52 894)`. */
export function withSpread({ median, lowest, highest }: Summary, format: (value: number) => string): string {
  return `${format(median)} (${format(lowest)} to ${format(highest)})`;
}

export function whole(value: number): string {
  const digits = String(Math.round(Math.abs(value))).replace(/\B(?=(\d{3})+$)/g, ' ');
  return value < 0 && digits !== '0' ? `-${digits}` : digits;
}

export function twoDigits(value: number): string {
  return value.toFixed(2);
}

export function microseconds(seconds: number): string {
  return `${whole(seconds * 1e6)} us`;
}

export function milliseconds(seconds: number): string {
  return `${(seconds * 1000).toFixed(2)} ms`;
}

export function kibibytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

import { resolve } from 'node:path';
import { formatSize, parseSize } from '../policy/quantity.ts';
import { neverMasked } from '../telemetry/masking.ts';
import { recordFileFault } from '../telemetry/record-file.ts';
import { LEAST_FILE_BYTES, type RecordingOptions } from '../telemetry/recorder.ts';
import { ConfigError } from './config.ts';
import type { GivenSettings } from './precedence.ts';

export const defaultRecordBytes = 8 * 1024 * 1024;
const mostFileBytes = 1024 ** 4;
const mostContentBytes = 64 * 1024;
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export function parseRecordBytes(text: string, origin: string): number {
  return parseBytes(text, origin, LEAST_FILE_BYTES, mostFileBytes);
}

export function parseContentBytes(text: string, origin: string): number {
  return parseBytes(text, origin, 0, mostContentBytes);
}

function parseBytes(text: string, origin: string, least: number, most: number): number {
  const bytes = parseSize(text);
  if (bytes !== undefined && bytes >= least && bytes <= most) return bytes;
  const range = `from ${formatSize(least)} to ${formatSize(most)}`;
  throw new ConfigError(`${origin}: ${JSON.stringify(text)} is not a size ${range}, as in 16MiB.`);
}

/** In lower case. Throws `ConfigError`. */
export function parseMaskedNames(text: string, origin: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim().toLowerCase());
  for (const name of names) {
    if (!token.test(name)) throw new ConfigError(`${origin}: ${JSON.stringify(name)} is no name of a field.`);
    if (neverMasked.has(name)) {
      throw new ConfigError(`${origin}: ${name} cannot be masked: a recorded request would be another one without it.`);
    }
  }
  return names;
}

/** Throws `ConfigError` where the file cannot be one, or where only the others of these settings were given. */
export function recordingOptions(given: GivenSettings, workingDirectory: string): RecordingOptions | null {
  const { record, recordMax, recordMask, recordContent } = given;
  if (record === undefined) {
    const alone = recordMax ?? recordMask ?? recordContent;
    if (alone === undefined) return null;
    throw new ConfigError(`${alone.origin}: nothing is recorded without --record.`);
  }
  const path = resolve(workingDirectory, record.value);
  const fault = recordFileFault(path);
  if (fault !== undefined) {
    throw new ConfigError(
      `${record.origin}: requests cannot be recorded in ${JSON.stringify(record.value)}: ${fault}.`,
    );
  }
  return {
    path,
    maxBytes: recordMax?.value ?? defaultRecordBytes,
    maskedNames: recordMask?.value ?? [],
    contentBytes: recordContent?.value ?? 0,
  };
}

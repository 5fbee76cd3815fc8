import type { Act, Life, Stage } from './life.ts';

/** What long lives bring, and settings against it. None of it may cost a request. */
export const ageing: readonly Life[] = [
  {
    name: 'workers end after some requests (--max-requests 50)',
    kinds: ['portcullis', 'gunicorn'],
    times: { long: 20, short: 4 },
    hasVolume: true,
    setup: { workers: 2, flags: ['--max-requests', '50'] },
    act: recycle,
  },
  {
    name: 'an app leaks 32 KiB a request (--max-memory 128MiB)',
    // Gunicorn has nothing like it.
    kinds: ['portcullis'],
    times: { long: 6, short: 2 },
    hasVolume: false,
    setup: { workers: 2, flags: ['--max-memory', '128MiB'], variables: { LIVES_LEAK_BYTES: String(32 * 1024) } },
    act: recycle,
  },
];

/** So many workers come after the first ones. */
async function recycle({ subject, load, times }: Stage): Promise<Act> {
  const first = [...load.answersOf.keys(), ...subject.workers];
  await load.until(
    () => load.newcomers(first).length >= times,
    () => `${load.newcomers(first).length} of ${times} workers have come`,
    60_000,
  );
  return { measures: [{ what: 'workers that came', unit: '', values: [load.newcomers(first).length] }] };
}

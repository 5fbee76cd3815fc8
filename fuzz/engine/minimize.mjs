/** In seconds: a violation that only another process can tell of takes a tenth of one each time. */
const patience = 20;

/**
 * Leaves out pieces of the input, large ones first, as long as what is left breaks the same invariant. In this process:
 * libFuzzer's own way starts the engine anew for each step. An input that breaks nothing here (a time-out) stays as it is.
 */
export async function minimize(target, bytes) {
  const { fuzz, finish } = await import(`../${target}.fuzz.ts`);
  const wanted = brokenBy(bytes);
  if (wanted === undefined) return bytes;
  const until = performance.now() + 1000 * patience;
  let smallest = bytes;
  for (let length = Math.floor(bytes.length / 2); length >= 1; length = Math.floor(length / 2)) {
    for (let at = 0; at < smallest.length && performance.now() < until; ) {
      const shorter = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + length)]);
      if (brokenBy(shorter) === wanted) smallest = shorter;
      else at += length;
    }
  }
  return smallest;

  function brokenBy(input) {
    try {
      fuzz(Buffer.from(input));
      finish?.();
      return undefined;
    } catch (error) {
      return error.invariant ?? error.constructor.name;
    }
  }
}

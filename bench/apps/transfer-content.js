// What is uploaded and downloaded: blocks that differ, so that a lost or swapped one changes the hash. They are made once
// and never change, so that what is measured is the memory of the server and not the garbage of the application.
const BLOCK_BYTES = 65536;
const blocks = Array.from({ length: 64 }, (_, index) => noise(index + 1));

export function* transferContent(bytes) {
  let left = bytes;
  for (let index = 0; left > 0; index = (index + 1) % blocks.length) {
    yield left < BLOCK_BYTES ? blocks[index].subarray(0, left) : blocks[index];
    left -= BLOCK_BYTES;
  }
}

/** Marsaglia's xorshift: nothing on the way could compress it or find it twice. */
function noise(seed) {
  const words = new Uint32Array(BLOCK_BYTES / 4);
  let state = seed * 2654435761;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return Buffer.from(words.buffer);
}

/** The same bytes for the same length, in blocks that nobody may change. */
export function transferContent(bytes: number): Generator<Buffer, void, void>;

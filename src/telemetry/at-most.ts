/** Waits for `promise`, and no longer than so many milliseconds. Rejects where it does, within that time. */
export async function atMost(milliseconds: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  try {
    await Promise.race([promise, patience]);
  } finally {
    clearTimeout(timer);
  }
}

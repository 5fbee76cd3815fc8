/**
 * Measures contenders in turn, again and again: on a machine whose speed changes, only figures taken side by side can be
 * compared. Each round begins with another contender, so that none always follows the same one. The first round is a
 * warm-up (compilers, heaps, caches) and left out.
 */
export async function inRounds<Contender, Figure>(
  contenders: readonly Contender[],
  rounds: number,
  measure: (contender: Contender) => Promise<Figure>,
): Promise<ReadonlyMap<Contender, readonly Figure[]>> {
  const figures = new Map<Contender, Figure[]>(contenders.map((contender) => [contender, []]));
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(round + turn) % contenders.length];
      if (contender === undefined) continue;
      const figure = await measure(contender);
      if (round > 0) figures.get(contender)?.push(figure);
    }
  }
  return figures;
}

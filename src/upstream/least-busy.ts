/** Somebody who takes requests, as far as choosing goes. */
export interface Candidate {
  readonly weight: number;
  readonly inFlight: number;
  /** What it is ahead of its turn by, or behind. `leastBusy` alone sets it. */
  turn: number;
}

/**
 * Who takes the next request: the one that has the fewest in proportion to its weight. Among equals, which idle ones always
 * are, they take turns as their weights say: each gains its weight, the one that gained most is chosen and pays for all. So
 * weights hold for requests that come one at a time, too, and no one's turns come in a row.
 * Source: nginx's least_conn, with its smooth weighted round-robin.
 */
export function leastBusy<Server extends Candidate>(candidates: readonly Server[]): Server | null {
  let least: Server | null = null;
  for (const candidate of candidates) if (least === null || compare(candidate, least) < 0) least = candidate;
  if (least === null) return null;
  let chosen = least;
  let weights = 0;
  for (const candidate of candidates) {
    if (compare(candidate, least) !== 0) continue;
    weights += candidate.weight;
    candidate.turn += candidate.weight;
    if (candidate.turn > chosen.turn) chosen = candidate;
  }
  chosen.turn -= weights;
  return chosen;
}

/** Of fractions, without dividing. */
function compare(one: Candidate, other: Candidate): number {
  return one.inFlight * other.weight - other.inFlight * one.weight;
}

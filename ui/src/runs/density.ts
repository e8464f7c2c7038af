// Runs by time as bars, what failed at the bottom where it is seen.
import type { Mark, RunState } from "@/shared/marks.ts";
import { RUN_STANDINGS } from "@/shared/marks.ts";

export interface Piece {
  bucket: number;
  mark: Mark;
  count: number;
  /** From the bottom, as parts of the highest bar. */
  from: number;
  to: number;
}

const ORDER: readonly Mark[] = ["failed", "stale", "running", "missing", "fresh"];

export function pieces(series: readonly { status: RunState; counts: readonly number[] }[]): Piece[] {
  const buckets = Math.max(0, ...series.map(({ counts }) => counts.length));
  const sums = Array.from({ length: buckets }, (_, n) => series.reduce((sum, { counts }) => sum + (counts[n] ?? 0), 0));
  const highest = Math.max(1, ...sums);
  return sums.flatMap((_, bucket) => {
    let below = 0;
    return ORDER.flatMap((mark) => {
      const of = series.filter(({ status }) => RUN_STANDINGS[status].mark === mark);
      const count = of.reduce((sum, { counts }) => sum + (counts[bucket] ?? 0), 0);
      if (count === 0) return [];
      const piece = { bucket, mark, count, from: below / highest, to: (below + count) / highest };
      below += count;
      return [piece];
    });
  });
}

// The partitions of an asset by how they stand, as shares of a bar.
import type { AssetStatus, Mark } from "@/shared/marks.ts";

export interface Share {
  mark: Mark;
  count: number;
  /** Of all; what is there at all can be seen. */
  part: number;
}

const ORDER: readonly [AssetStatus, Mark][] = [
  ["FRESH", "fresh"],
  ["STALE", "stale"],
  ["MISSING", "missing"],
];

const LEAST = 0.03;

export function shares(counts: readonly { status: AssetStatus; count: number }[]): Share[] {
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return [];
  const found = ORDER.flatMap(([status, mark]) => {
    const count = counts.find((one) => one.status === status)?.count ?? 0;
    return count > 0 ? [{ mark, count, part: Math.max(LEAST, count / total) }] : [];
  });
  const sum = found.reduce((parts, { part }) => parts + part, 0);
  return found.map((share) => ({ ...share, part: share.part / sum }));
}

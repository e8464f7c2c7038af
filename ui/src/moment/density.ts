// How much happened by time, in heights that show little beside much.

export interface Bar {
  bucket: number;
  count: number;
  /** As a part of the highest. */
  height: number;
}

/** One bar for each stretch in which something happened. A run is thousands of events and a decision is one: by logarithm. */
export function heights(series: readonly { counts: readonly number[] }[]): Bar[] {
  const buckets = Math.max(0, ...series.map(({ counts }) => counts.length));
  const sums = Array.from({ length: buckets }, (_, n) => series.reduce((sum, { counts }) => sum + (counts[n] ?? 0), 0));
  const highest = Math.log1p(Math.max(1, ...sums));
  return sums.flatMap((count, bucket) => (count > 0 ? [{ bucket, count, height: Math.log1p(count) / highest }] : []));
}

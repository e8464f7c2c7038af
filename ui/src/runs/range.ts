// Which time runs are shown of: a stretch up to now, or one between two times.

export interface Range {
  since: Date;
  until: Date;
}

export const STRETCHES = [
  { name: "1h", label: "Last hour", hours: 1 },
  { name: "24h", label: "Last 24 hours", hours: 24 },
  { name: "7d", label: "Last 7 days", hours: 7 * 24 },
  { name: "30d", label: "Last 30 days", hours: 30 * 24 },
  { name: "1y", label: "Last year", hours: 365 * 24 },
] as const;

export const USUAL = "7d";

/** A stretch up to the end of the bucket that now lies in, so that it moves only when there is a new one. */
export function stretch(name: string, now: Date, buckets: number): Range {
  const hours = (STRETCHES.find((one) => one.name === name) ?? STRETCHES.find((one) => one.name === USUAL))?.hours ?? 1;
  const width = (hours * 3_600_000) / buckets;
  const until = Math.ceil((now.getTime() + 1) / width) * width;
  return { since: new Date(until - width * buckets), until: new Date(until) };
}

/** Two times as an address has them; null where it has none, or none that are in order. */
export function between(from: string, to: string): Range | null {
  const since = new Date(from);
  const until = new Date(to);
  return since.getTime() < until.getTime() ? { since, until } : null;
}

/** The next longer stretch; null for the longest. */
export function wider(name: string): string | null {
  const at = STRETCHES.findIndex((one) => one.name === name);
  return STRETCHES[at + 1]?.name ?? null;
}

/** The part of a range between two points of its width, 0 to 1, in whole buckets. */
export function brushed({ since, until }: Range, a: number, b: number, buckets: number): Range {
  const width = (until.getTime() - since.getTime()) / buckets;
  const first = Math.floor(clamp(Math.min(a, b)) * buckets);
  const last = Math.max(first + 1, Math.ceil(clamp(Math.max(a, b)) * buckets));
  const at = (bucket: number) => new Date(Math.round(since.getTime() + width * bucket));
  return { since: at(first), until: at(last) };
}

function clamp(part: number): number {
  return Math.max(0, Math.min(1, part));
}

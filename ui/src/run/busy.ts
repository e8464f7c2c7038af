// When a run did how much: what is to be seen of it above its logs, by the ruler that its steps have, too.
import type { Mark } from "@/shared/marks.ts";
import { stepStanding } from "./standing.ts";

/** Steps in time as columns: the n-th entry of each is about the n-th step. */
export interface InTime {
  steps: readonly number[];
  startMs: readonly (number | null)[];
  durationMs: readonly (number | null)[];
  statusNames: readonly string[];
  statusOf: readonly number[];
}

export interface Busy {
  /** Buckets of time, the last one exclusively. */
  from: number;
  to: number;
  /** How many steps were at it, of the most that ever were; over nought. */
  share: number;
  mark: Mark;
}

/** How much went on in each part of a span, alike neighbours as one. Cost: O(steps + buckets). */
export function busyIn(time: InTime, span: number, buckets: number): Busy[] {
  const all = new Int32Array(buckets + 1);
  const bad = new Int32Array(buckets + 1);
  const going = new Int32Array(buckets + 1);
  const at = (ms: number) => Math.max(0, Math.min(buckets - 1, Math.floor((ms / span) * buckets)));
  time.steps.forEach((_, n) => {
    const start = time.startMs[n];
    if (start === null || start === undefined) return;
    const [from, to] = [at(start), at(endOf(time, n, span)) + 1];
    const { mark } = stepStanding(statusOf(time, n));
    for (const sums of mark === "failed" ? [all, bad] : mark === "running" ? [all, going] : [all]) {
      sums[from]! += 1;
      sums[to]! -= 1;
    }
  });
  for (const sums of [all, bad, going]) for (let n = 1; n < buckets; n++) sums[n]! += sums[n - 1]!;
  const most = all.subarray(0, buckets).reduce((one, other) => Math.max(one, other), 0);
  const found: Busy[] = [];
  for (let n = 0; n < buckets; n++) {
    if (all[n] === 0) continue;
    const mark: Mark = bad[n]! > 0 ? "failed" : going[n]! > 0 ? "running" : "fresh";
    const share = all[n]! / most;
    const last = found.at(-1);
    if (last && last.to === n && last.share === share && last.mark === mark) last.to = n + 1;
    else found.push({ from: n, to: n + 1, share, mark });
  }
  return found;
}

/** The step that was at it then, of several the one that began last; where none was, the one that lies nearest. */
export function stepAt(time: InTime, at: number, span: number): number | null {
  let found: number | null = null;
  let [least, latest] = [Infinity, -Infinity];
  time.steps.forEach((step, n) => {
    const start = time.startMs[n];
    if (start === null || start === undefined) return;
    const away = Math.max(0, start - at, at - endOf(time, n, span));
    if (away < least || (away === least && start > latest)) [found, least, latest] = [step, away, start];
  });
  return found;
}

/** From when on until when these steps were at it; null where none was. */
export function stretchOf(
  time: InTime,
  steps: ReadonlySet<number>,
  span: number,
): { start: number; took: number } | null {
  let [from, to] = [Infinity, 0];
  time.steps.forEach((step, n) => {
    const start = time.startMs[n];
    if (start === null || start === undefined || !steps.has(step)) return;
    from = Math.min(from, start);
    to = Math.max(to, endOf(time, n, span));
  });
  return from === Infinity ? null : { start: from, took: to - from };
}

function statusOf({ statusNames, statusOf }: InTime, n: number): string {
  return statusNames[statusOf[n] ?? -1] ?? "";
}

/** What goes on ends where the span does. */
function endOf(time: InTime, n: number, span: number): number {
  const took = time.durationMs[n];
  if (took !== null && took !== undefined) return time.startMs[n]! + took;
  return statusOf(time, n) === "running" ? span : time.startMs[n]!;
}

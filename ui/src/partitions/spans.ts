// Partitions as runs of neighbours by how they stand, and how they are drawn into few pixels.
import type { Mark } from "@/shared/marks.ts";

/** Neighbours that stand alike: from one number to before another. */
export interface Span {
  start: number;
  stop: number;
  mark: Mark;
}

interface Kept {
  status: "FRESH" | "STALE" | "MISSING";
  partitions: { starts: readonly number[]; stops: readonly number[] };
}

const MARKS = { FRESH: "fresh", STALE: "stale", MISSING: "missing" } as const;

export function spansOf(kept: readonly Kept[]): Span[] {
  return kept
    .flatMap(({ status, partitions: { starts, stops } }) =>
      starts.map((start, n) => ({ start, stop: stops[n] ?? start, mark: MARKS[status] })),
    )
    .sort((a, b) => a.start - b.start);
}

export interface Window {
  from: number;
  to: number;
}

/** A column of pixels: the worst of what lies in it, and how much of it that is. */
export interface Bucket {
  mark: Mark | null;
  part: number;
}

const WORST: readonly Mark[] = ["failed", "stale", "missing", "fresh"];

/** Time: of each span the buckets that it touches. */
export function buckets(spans: readonly Span[], { from, to }: Window, count: number): Bucket[] {
  const width = (to - from) / count;
  const covered = new Map<Mark, Float64Array>();
  for (const { start, stop, mark } of spans) {
    const [a, b] = [Math.max(start, from), Math.min(stop, to)];
    if (a >= b) continue;
    let column = covered.get(mark);
    if (!column) {
      column = new Float64Array(count);
      covered.set(mark, column);
    }
    const first = Math.floor((a - from) / width);
    const last = Math.min(count - 1, Math.ceil((b - from) / width) - 1);
    for (let n = first; n <= last; n++) {
      const left = from + n * width;
      column[n]! += Math.max(0, Math.min(b, left + width) - Math.max(a, left)) / width;
    }
  }
  return Array.from({ length: count }, (_, n) => {
    for (const mark of WORST) {
      const part = covered.get(mark)?.[n] ?? 0;
      if (part > 1e-9) return { mark, part: Math.min(1, part) };
    }
    return { mark: null, part: 0 };
  });
}

/** The partitions between two points of a window's width, 0 to 1: at least one. */
export function brushed({ from, to }: Window, a: number, b: number): Window {
  const at = (part: number) => from + Math.max(0, Math.min(1, part)) * (to - from);
  const first = Math.min(to - 1, Math.floor(at(Math.min(a, b))));
  return { from: first, to: Math.max(first + 1, Math.ceil(at(Math.max(a, b)))) };
}

/** What is done with those that are brushed: chosen alone, besides what is chosen already, or not any more. */
export type Brushing = "alone" | "besides" | "without";

export function howOf({ shiftKey, altKey }: { shiftKey: boolean; altKey: boolean }): Brushing {
  return shiftKey ? "besides" : altKey ? "without" : "alone";
}

/** Those that are chosen after some were brushed, in order and apart from each other. */
export function withBrushed(chosen: readonly Window[], { from, to }: Window, how: Brushing): Window[] {
  if (how === "alone") return [{ from, to }];
  if (how === "without")
    return chosen.flatMap((one) =>
      [
        { from: one.from, to: Math.min(one.to, from) },
        { from: Math.max(one.from, to), to: one.to },
      ].filter((left) => left.from < left.to),
    );
  const isApart = (one: Window) => one.to < from || one.from > to;
  const joined = chosen.filter((one) => !isApart(one));
  const whole = {
    from: Math.min(from, ...joined.map((one) => one.from)),
    to: Math.max(to, ...joined.map((one) => one.to)),
  };
  return [...chosen.filter(isApart), whole].sort((a, b) => a.from - b.from);
}

export function windowsOf({ starts, stops }: { starts: readonly number[]; stops: readonly number[] }): Window[] {
  return starts.map((from, n) => ({ from, to: stops[n] ?? from }));
}

/** From the first of them to the last. */
export function hull(windows: readonly Window[]): Window | null {
  const [first, last] = [windows[0], windows.at(-1)];
  return first && last ? { from: first.from, to: last.to } : null;
}

/** The outline of all columns of one mark, as the path of a drawing of 1 unit a column and 100 high. */
export function outline(columns: readonly Bucket[], mark: Mark, least: number): string {
  let path = "";
  for (let n = 0; n < columns.length; ) {
    const { mark: own, part } = columns[n]!;
    let end = n + 1;
    while (end < columns.length && columns[end]!.mark === own && columns[end]!.part === part) end++;
    if (own === mark) path += `M${n} 100v${-Math.round(Math.max(least, part * 100))}H${end}V100z`;
    n = end;
  }
  return path;
}

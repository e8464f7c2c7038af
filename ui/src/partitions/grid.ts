// Grids of partitions: the first dimension across, the second down. Numbers count down each column, then on to the next.
import type { Span, Window } from "./spans.ts";

export interface Box {
  columns: Window;
  rows: Window;
}

/** Each row of a grid as spans of columns. Time: a step for each place of short spans, one for each row of long ones. */
export function rowsOf(spans: readonly Span[], count: number): Span[][] {
  const rows: Span[][] = Array.from({ length: count }, () => []);
  for (const { start, stop, mark } of spans) {
    for (let row = 0, n = start; row < count && n < stop; row++, n++) {
      const first = Math.floor(n / count);
      add(rows[n % count]!, { start: first, stop: first + Math.ceil((stop - n) / count), mark });
    }
  }
  return rows;
}

function add(row: Span[], span: Span): void {
  const last = row.at(-1);
  if (last && last.stop === span.start && last.mark === span.mark) last.stop = span.stop;
  else row.push(span);
}

/** How many columns of a window are not fresh. */
export function troubled(row: readonly Span[], { from, to }: Window): number {
  return row.reduce(
    (sum, { start, stop, mark }) =>
      mark === "fresh" ? sum : sum + Math.max(0, Math.min(stop, to) - Math.max(start, from)),
    0,
  );
}

/** The columns that hold any of these partitions. */
export function columnsOf({ from, to }: Window, rows: number): Window {
  return { from: Math.floor(from / rows), to: Math.ceil(to / rows) };
}

/** A box as the language of partitions has it; what is chosen of a dimension as a whole is not named. */
export function boxText(
  names: readonly [string, string | undefined],
  columns: readonly [string, string],
  rows: readonly [string, string] | null,
): string {
  const of = (name: string, [first, last]: readonly [string, string]) =>
    `${name}=${first === last ? first : `${first}..${last}`}`;
  return rows && names[1] ? `${of(names[0], columns)}, ${of(names[1], rows)}` : of(names[0], columns);
}

// Grids of partitions: the first dimension across, all others down. Numbers count down each column, then on to the next;
// where several dimensions are down, the last of them counts fastest.
import type { Brushing, Span, Window } from "./spans.ts";

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

/** A box without another one: four at most, which have no cell in common. */
function without(box: Box, taken: Box): Box[] {
  const columns = common(box.columns, taken.columns);
  const rows = common(box.rows, taken.rows);
  if (columns === null || rows === null) return [box];
  const found: Box[] = [
    { columns: { from: box.columns.from, to: columns.from }, rows: box.rows },
    { columns, rows: { from: box.rows.from, to: rows.from } },
    { columns, rows: { from: rows.to, to: box.rows.to } },
    { columns: { from: columns.to, to: box.columns.to }, rows: box.rows },
  ];
  return found.filter(({ columns, rows }) => columns.from < columns.to && rows.from < rows.to);
}

function common(a: Window, b: Window): Window | null {
  const [from, to] = [Math.max(a.from, b.from), Math.min(a.to, b.to)];
  return from < to ? { from, to } : null;
}

/** What is chosen after a box was drawn; boxes have no cell in common. */
export function withBox(chosen: readonly Box[], box: Box, how: Brushing): Box[] {
  if (how === "alone") return [box];
  const rest = chosen.flatMap((one) => without(one, box));
  return how === "without" ? rest : [...rest, box];
}

/** Partitions by their numbers, in order, as boxes of so many rows: neighbouring columns that are alike are one. */
export function boxesOf(windows: readonly Window[], rows: number): Box[] {
  const found: Box[] = [];
  const open = new Map<string, Box>();
  function add(column: number, columns: number, of: Window) {
    const key = `${of.from} ${of.to}`;
    const before = open.get(key);
    if (before?.columns.to === column) before.columns.to += columns;
    else {
      const box = { columns: { from: column, to: column + columns }, rows: of };
      open.set(key, box);
      found.push(box);
    }
  }
  for (let { from, to } of windows) {
    while (from < to) {
      const column = Math.floor(from / rows);
      const row = from % rows;
      const whole = row === 0 ? Math.floor((to - from) / rows) : 0;
      const length = whole > 0 ? whole * rows : Math.min(rows - row, to - from);
      add(column, Math.max(1, whole), whole > 0 ? { from: 0, to: rows } : { from: row, to: row + length });
      from += length;
    }
  }
  return found;
}

/** Rows as windows of each dimension that is down, the last of which counts fastest; several where they are no box. */
export function rowsByDimension({ from, to }: Window, sizes: readonly number[]): Window[][] {
  const [size = 1, ...rest] = sizes;
  if (rest.length === 0) return [[{ from, to }]];
  const inner = rest.reduce((product, one) => product * one, 1);
  const [first, last] = [Math.floor(from / inner), Math.floor((to - 1) / inner)];
  const part = (digit: number, begin: number, end: number) =>
    rowsByDimension({ from: begin, to: end }, rest).map((windows) => [{ from: digit, to: digit + 1 }, ...windows]);
  if (first === last) return part(first, from - first * inner, to - first * inner);
  const isBegun = from > first * inner;
  const isCut = to < (last + 1) * inner;
  const [begin, end] = [first + Number(isBegun), last + Number(!isCut)];
  const whole = begin < end ? rowsByDimension({ from: 0, to: inner }, rest) : [];
  return [
    ...(isBegun ? part(first, from - first * inner, inner) : []),
    ...whole.map((windows) => [{ from: begin, to: Math.min(end, size) }, ...windows]),
    ...(isCut ? part(last, 0, to - last * inner) : []),
  ];
}

export interface Down {
  name: string;
  keys: readonly string[];
}

/** The names of rows, by all dimensions that are down. */
export function rowNames(down: readonly Down[]): string[] {
  return down.reduce<string[]>(
    (names, { keys }, n) => (n === 0 ? [...keys] : names.flatMap((name) => keys.map((key) => `${name} · ${key}`))),
    [],
  );
}

/** A box as the language of partitions has it; what is chosen of a dimension as a whole is not named. */
export function boxTexts(
  across: { name: string; first: string; last: string },
  down: readonly Down[],
  rows: Window,
): string[] {
  const columns = `${across.name}=${rangeText(across.first, across.last)}`;
  const sizes = down.map(({ keys }) => keys.length);
  return rowsByDimension(rows, sizes).map((windows) =>
    [
      columns,
      ...windows.flatMap(({ from, to }, n) => {
        const { name, keys } = down[n]!;
        return to - from === keys.length ? [] : [`${name}=${rangeText(keys[from]!, keys[to - 1]!)}`];
      }),
    ].join(", "),
  );
}

function rangeText(first: string, last: string): string {
  return first === last ? first : `${first}..${last}`;
}

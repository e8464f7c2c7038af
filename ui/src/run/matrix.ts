// A run as a matrix: what it makes by partition, and how each step of that stands.
import type { Mark } from "@/shared/marks.ts";
import type { StepRow, Task } from "./documents.ts";
import { stepStanding } from "./standing.ts";

export interface Cell {
  number: number;
  status: string;
}

export interface MatrixRow {
  assets: readonly string[];
  /** By column; undefined where nothing has begun. */
  cells: readonly (Cell | undefined)[];
  /** How many of its steps have begun, and how many there are. */
  begun: number;
  total: number;
}

/** Tasks whose partitions are alike, below each other. */
export interface Matrix {
  /** Partitions of which some step has begun, in their order. */
  columns: readonly string[];
  rows: readonly MatrixRow[];
  /** How many columns there will be at least, with those that nobody has begun yet. */
  width: number;
}

/** Steps of a partition, of all tasks that have any: those with keys of the same form are of one matrix. */
export function matrices(steps: readonly StepRow[], tasks: readonly Task[]): Matrix[] {
  const totals = new Map(tasks.map(({ assets, total }) => [assets.join(" "), total]));
  const byForm = new Map<string, Map<string, StepRow[]>>();
  for (const step of steps) {
    if (!step.partition) continue;
    const rows = entry(byForm, formOf(step.partition), () => new Map<string, StepRow[]>());
    entry(rows, step.assets.join(" "), () => []).push(step);
  }
  return [...byForm.values()].map((rows) => {
    const columns = inOrder([...rows.values()].flatMap((row) => row.map(({ partition }) => partition)));
    const at = new Map(columns.map((key, n) => [key, n]));
    const found = [...rows].map(([key, row]): MatrixRow => {
      const cells: (Cell | undefined)[] = new Array(columns.length).fill(undefined);
      for (const { partition, number, status } of row) {
        const n = at.get(partition) ?? 0;
        const there = cells[n];
        // in a sweep there are several of a partition: the worst is shown
        if (!there || rank(status) > rank(there.status)) cells[n] = { number, status };
      }
      const total = Math.max(row.length, totals.get(key) ?? 0);
      return { assets: row[0]?.assets ?? [], cells, begun: row.length, total };
    });
    // what waits of a row is to fill its empty columns first
    const missing = found.map(({ cells, begun, total }) => total - begun - cells.filter((cell) => !cell).length);
    return { columns, rows: found, width: columns.length + Math.max(0, ...missing) };
  });
}

/** `2026-01-05` and `2026-02-17` are of one form, and `2026-01` is of another; all names are of one. */
function formOf(partition: string): string {
  return /^\d/.test(partition) ? partition.replaceAll(/\d/g, "0") : "name";
}

/** Times by time; names as they come. */
function inOrder(keys: readonly string[]): string[] {
  const once = [...new Set(keys)];
  return once.every((key) => /^\d/.test(key)) ? once.sort() : once;
}

function entry<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

/** A cell of a matrix. */
export interface Place {
  row: number;
  column: number;
}

const WAYS: Readonly<Record<string, Place>> = {
  ArrowLeft: { row: 0, column: -1 },
  ArrowRight: { row: 0, column: 1 },
  ArrowUp: { row: -1, column: 0 },
  ArrowDown: { row: 1, column: 0 },
  Home: { row: 0, column: -Infinity },
  End: { row: 0, column: Infinity },
};

/** Where somebody comes to by a key, `far` ten cells at once; null for other keys. It ends at the borders. */
export function movedBy(
  { row, column }: Place,
  key: string,
  far: boolean,
  { rows, width }: { rows: number; width: number },
): Place | null {
  const way = WAYS[key];
  if (!way) return null;
  const within = (at: number, count: number) => Math.max(0, Math.min(count - 1, at));
  const many = far ? 10 : 1;
  return { row: within(row + way.row * many, rows), column: within(column + way.column * many, width) };
}

const RANKS: readonly Mark[] = ["fresh", "missing", "stale", "running", "failed"];

function rank(status: string): number {
  return RANKS.indexOf(stepStanding(status).mark);
}

export interface Stretch {
  mark: Mark;
  from: number;
  to: number;
}

/** Cells as stretches that look alike: each alone where there is room for that, else of so many at most, the worst of each. */
export function stretches(cells: readonly (Cell | undefined)[], most: number, alone: boolean): Stretch[] {
  const width = Math.max(1, Math.ceil(cells.length / most));
  const found: Stretch[] = [];
  for (let from = 0; from < cells.length; from += width) {
    const to = Math.min(cells.length, from + width);
    let worst: string | null = null;
    for (let n = from; n < to; n++) {
      const status = cells[n]?.status;
      if (status !== undefined && (worst === null || rank(status) > rank(worst))) worst = status;
    }
    if (worst === null) continue;
    const { mark } = stepStanding(worst);
    const last = found.at(-1);
    if (!alone && last?.mark === mark && last.to === from) last.to = to;
    else found.push({ mark, from, to });
  }
  return found;
}

// Steps below each other in time: by the groups of what they make, each of which can be closed.
import { listAs, listIn } from "@/address/address.ts";
import type { StepRow } from "./documents.ts";
import { type Share, shares } from "./standing.ts";
import { type Lap, lapOf } from "./time-scale.ts";

/** All steps of a group. */
export interface GroupRow {
  /** Empty for what is in none. */
  group: string;
  steps: number;
  /** How they stand, the worst first. */
  shares: readonly Share[];
  /** From when the first of them began until the last one ended; null where none was run. */
  lap: Lap | null;
  isOpen: boolean;
}

export type GanttRow = GroupRow | StepRow;

export function isGroup(row: GanttRow): row is GroupRow {
  return "group" in row;
}

/** How a row is known while others come. */
export function rowKey(row: GanttRow): string {
  return isGroup(row) ? `group ${row.group}` : String(row.number);
}

/**
 * The steps of each group below it, groups in the order in which they come first; as they are where all are of one.
 *
 * `begin` is when the run was asked for, in milliseconds of the clock. Cost: O(steps).
 */
export function inGroups(
  rows: readonly StepRow[],
  groupOf: ReadonlyMap<string, string>,
  closed: ReadonlySet<string>,
  begin: number,
): readonly GanttRow[] {
  const groups = new Map<string, StepRow[]>();
  for (const row of rows) {
    const group = groupOf.get(assetOf(row)) ?? "";
    const members = groups.get(group);
    if (members) members.push(row);
    else groups.set(group, [row]);
  }
  if (groups.size < 2) return rows;
  return [...groups].flatMap(([group, steps]): GanttRow[] => {
    const isOpen = !closed.has(group);
    const head = { group, steps: steps.length, shares: sharesOf(steps), lap: wholeLap(steps, begin), isOpen };
    return isOpen ? [head, ...steps] : [head];
  });
}

/** The asset by which a step is of a group; what makes an element of a list is where that is. */
function assetOf({ assets: [key = ""] }: StepRow): string {
  return key.replace(/\[.*$/s, "");
}

function sharesOf(steps: readonly StepRow[]): Share[] {
  return shares([{ steps: steps.map(({ status }) => ({ status, count: 1 })) }]);
}

function wholeLap(steps: readonly StepRow[], begin: number): Lap | null {
  let [start, end, goesOn] = [Infinity, 0, false];
  for (const step of steps) {
    const lap = lapOf(step, begin);
    if (!lap) continue;
    start = Math.min(start, lap.start);
    if (lap.took === null) goesOn = true;
    else end = Math.max(end, lap.start + lap.took);
  }
  return start === Infinity ? null : { start, took: goesOn ? null : end - start };
}

/** In an address it stands for what is in no group. */
const NO_GROUP = "-";

/** The groups that an address says are closed. */
export function closedIn(text: string): ReadonlySet<string> {
  return new Set(listIn(text).map((name) => (name === NO_GROUP ? "" : name)));
}

/** What an address says once a group is closed that was not, or the other way round. */
export function withClosed(closed: ReadonlySet<string>, group: string): string {
  const after = new Set(closed);
  if (!after.delete(group)) after.add(group);
  return listAs([...after].map((name) => name || NO_GROUP));
}

interface JobTold {
  type: string;
  recordedAt: string;
  data: unknown;
}

/** When another system had the job that an attempt is, in milliseconds since `begin`; null as long as it has not. */
export function handedOver(told: readonly JobTold[], begin: number): ReadonlyMap<string, number | null> {
  const found = new Map<string, number | null>();
  for (const { type, recordedAt, data } of told) {
    const { step, attempt } = data as { step: number; attempt: number };
    const key = attemptKey(step, attempt);
    const at = type === "job.submitted" ? Math.max(0, new Date(recordedAt).getTime() - begin) : null;
    if (at !== null || !found.has(key)) found.set(key, at);
  }
  return found;
}

export function attemptKey(step: number, attempt: number): string {
  return `${step} ${attempt}`;
}

/** Steps that no system has begun yet to run, though an engine has begun them, say so. */
export function withStarting(rows: readonly StepRow[], jobs: ReadonlyMap<string, number | null>): readonly StepRow[] {
  if (jobs.size === 0) return rows;
  return rows.map((row) =>
    row.status === "running" && jobs.get(attemptKey(row.number, row.attempt)) === null
      ? { ...row, status: "starting" }
      : row,
  );
}

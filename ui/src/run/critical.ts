// Where the time of a run went: for what each step waited last, and the chain of steps that it took as long as.
import type { StepRow } from "./documents.ts";

export interface Timed
  extends Pick<StepRow, "number" | "assets" | "partition" | "startedAt" | "durationMs" | "status"> {}

export interface Critical {
  /** Numbers of the steps of the chain. */
  path: ReadonlySet<number>;
  /** When all was there that a step reads, in milliseconds of the clock; not of what reads nothing that was run. */
  ready: ReadonlyMap<number, number>;
}

/** Clocks of several machines, and what it takes to tell: so much earlier a step may have begun. */
const CLOCKS_MS = 100;

interface Ended {
  step: Timed;
  at: number;
}

/**
 * Backwards from the step that ended last, or of what goes on began first: each time to what ended last of what it reads.
 *
 * `reads` says which assets an asset reads. Of those with the same partition only that one is read, as far as this page
 * knows; else any may be. Cost: O(steps * log steps).
 */
export function critical(rows: readonly Timed[], reads: ReadonlyMap<string, readonly string[]>): Critical {
  const ended = new Map<string, Ended[]>();
  const samePartition = new Map<string, Ended[]>();
  for (const step of rows) {
    const at = endOf(step);
    if (at === null) continue;
    for (const key of step.assets) {
      push(ended, key, { step, at });
      if (step.partition) push(samePartition, `${key} ${step.partition}`, { step, at });
    }
  }
  for (const list of [...ended.values(), ...samePartition.values()]) list.sort((a, b) => a.at - b.at);

  function before(step: Timed): Ended | null {
    if (step.startedAt === null) return null;
    const begun = new Date(step.startedAt).getTime() + CLOCKS_MS;
    let last: Ended | null = null;
    for (const asset of step.assets)
      for (const up of reads.get(asset) ?? []) {
        if (step.assets.includes(up)) continue;
        const same = step.partition ? samePartition.get(`${up} ${step.partition}`) : undefined;
        const found = lastUntil(same ?? ended.get(up) ?? [], begun);
        if (found && (last === null || found.at > last.at)) last = found;
      }
    return last;
  }

  const ready = new Map<number, number>();
  for (const step of rows) {
    const found = before(step);
    if (found) ready.set(step.number, found.at);
  }
  const path = new Set<number>();
  for (let step: Timed | undefined = lastOf(rows); step && !path.has(step.number); step = before(step)?.step)
    path.add(step.number);
  return { path, ready };
}

function endOf({ startedAt, durationMs }: Timed): number | null {
  return startedAt === null || durationMs === null ? null : new Date(startedAt).getTime() + durationMs;
}

function lastOf(rows: readonly Timed[]): Timed | undefined {
  const going = rows.filter(({ status, startedAt }) => status === "running" && startedAt !== null);
  if (going.length > 0) return going.reduce((a, b) => (new Date(b.startedAt!) < new Date(a.startedAt!) ? b : a));
  let last: Timed | undefined;
  for (const row of rows) if (endOf(row) !== null && (!last || endOf(row)! > endOf(last)!)) last = row;
  return last;
}

/** The last one that had ended by then. */
function lastUntil(sorted: readonly Ended[], then: number): Ended | null {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (sorted[middle]!.at <= then) from = middle + 1;
    else to = middle;
  }
  return sorted[from - 1] ?? null;
}

function push<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const found = map.get(key);
  if (found) found.push(value);
  else map.set(key, [value]);
}

/** Which assets each reads, of columns of edges. */
export function readsOf(graph: {
  keys: readonly string[];
  edgesFrom: readonly number[];
  edgesTo: readonly number[];
}): Map<string, string[]> {
  const found = new Map<string, string[]>();
  graph.edgesFrom.forEach((from, n) => {
    const [read, reader] = [graph.keys[from], graph.keys[graph.edgesTo[n] ?? -1]];
    if (read !== undefined && reader !== undefined) push(found, reader, read);
  });
  return found;
}

/** The group that each asset is in. */
export function groupsOf(graph: {
  keys: readonly string[];
  groups: readonly string[];
  groupOf: readonly number[];
}): Map<string, string> {
  return new Map(graph.keys.map((key, n) => [key, graph.groups[graph.groupOf[n] ?? -1] ?? ""]));
}

interface PlannedOf {
  assets: readonly string[];
  action: string;
  first: number;
  steps: number;
  partitions: { text: string };
}

/** The first steps of a plan that nobody has begun, as rows; the partition of one of many only the server knows. */
export function notBegun(planned: readonly PlannedOf[], begun: ReadonlySet<number>, most: number): StepRow[] {
  const found: StepRow[] = [];
  for (const { assets, first, steps, partitions } of planned)
    for (let number = first; number < first + steps && found.length < most; number++)
      if (!begun.has(number))
        found.push({
          number,
          assets: [...assets],
          partition: steps === 1 ? partitions.text : "",
          status: "waiting",
          attempt: 0,
          startedAt: null,
          durationMs: null,
        });
  return found;
}

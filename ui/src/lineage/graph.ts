import { MARKS, type Mark } from "@/shared/marks.ts";
import { type Adjacency, adjacency } from "./layout/adjacency.ts";

/** Columns as `assetGraph` of the API answers them. */
export interface AssetColumns {
  readonly keys: readonly string[];
  readonly groups: readonly string[];
  readonly groupOf: readonly number[];
  readonly statusNames: readonly string[];
  readonly statusOf: readonly number[];
  readonly flagNames: readonly string[];
  readonly flagsOf: readonly number[];
  readonly edgesFrom: readonly number[];
  readonly edgesTo: readonly number[];
}

/** Columns as `assetChanges` of the API answers them. */
export interface AssetChangeColumns {
  readonly keys: readonly string[];
  readonly statusNames: readonly string[];
  readonly statusOf: readonly number[];
  readonly flagNames: readonly string[];
  readonly flagsOf: readonly number[];
  readonly removed: readonly string[];
}

/** Assets by number, in topological order, and which reads which. Nothing in it is written to once it is made. */
export interface Graph {
  readonly keys: readonly string[];
  readonly groups: readonly string[];
  readonly groupOf: Uint32Array;
  /** The number of each asset's look, as in MARKS. */
  readonly look: Uint8Array;
  readonly from: Uint32Array;
  readonly to: Uint32Array;
}

export function graphOf(columns: AssetColumns): Graph {
  return {
    keys: columns.keys,
    groups: columns.groups,
    groupOf: Uint32Array.from(columns.groupOf),
    look: looksOf(columns),
    from: Uint32Array.from(columns.edgesFrom),
    to: Uint32Array.from(columns.edgesTo),
  };
}

/** What goes on now comes before what went wrong, as on all other pages. */
function looksOf({
  statusNames,
  statusOf,
  flagNames,
  flagsOf,
}: Omit<AssetChangeColumns, "keys" | "removed">): Uint8Array {
  const bits = (...names: string[]): number =>
    names.reduce((sum, name) => sum | (flagNames.includes(name) ? 1 << flagNames.indexOf(name) : 0), 0);
  const running = bits("RUNNING");
  const failed = bits("FAILED", "RETRACTED");
  const byStatus = statusNames.map((name) => MARKS.indexOf(name.toLowerCase() as Mark));
  return Uint8Array.from(statusOf, (status, n) => {
    if (flagsOf[n]! & running) return MARKS.indexOf("running");
    return flagsOf[n]! & failed ? MARKS.indexOf("failed") : byStatus[status]!;
  });
}

/** The graph after changes, and whether assets came or went, so that it has to be asked for again. */
export function withChanges(
  graph: Graph,
  numbers: ReadonlyMap<string, number>,
  changes: AssetChangeColumns,
): { graph: Graph; changed: number[]; outdated: boolean } {
  const looks = looksOf(changes);
  const look = graph.look.slice();
  const changed: number[] = [];
  let outdated = changes.removed.some((key) => numbers.has(key));
  changes.keys.forEach((key, at) => {
    const asset = numbers.get(key);
    if (asset === undefined) outdated = true;
    else if (look[asset]! !== looks[at]!) {
      look[asset] = looks[at]!;
      changed.push(asset);
    }
  });
  return { graph: changed.length ? { ...graph, look } : graph, changed, outdated };
}

export function numbersOf(graph: Graph): Map<string, number> {
  return new Map(graph.keys.map((key, n) => [key, n]));
}

/** What each asset reads (`ups`), and what reads it (`downs`), as numbers of edges. */
export interface Neighbours {
  readonly ups: Adjacency;
  readonly downs: Adjacency;
}

export function neighboursOf(graph: Graph): Neighbours {
  const count = graph.keys.length;
  return { ups: adjacency(count, graph.to), downs: adjacency(count, graph.from) };
}

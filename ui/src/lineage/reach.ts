import type { Graph, Neighbours } from "./graph.ts";
import type { Adjacency } from "./layout/adjacency.ts";

/** How many edges away from the subjects each asset is, upstream and downstream; FAR where it is not, or beyond the bounds. */
export interface Reach {
  readonly up: Uint32Array;
  readonly down: Uint32Array;
}

export const FAR = 0xffffffff;

export function reachOf(
  graph: Graph,
  neighbours: Neighbours,
  subjects: Iterable<number>,
  up: number = FAR,
  down: number = FAR,
): Reach {
  const all = [...subjects];
  return {
    up: distances(graph.keys.length, neighbours.ups, graph.from, all, up),
    down: distances(graph.keys.length, neighbours.downs, graph.to, all, down),
  };
}

/** Which assets are reached, the subjects too: 1 for each. */
export function reached(reach: Reach): Uint8Array {
  return Uint8Array.from(reach.up, (up, n) => (up !== FAR || reach.down[n]! !== FAR ? 1 : 0));
}

/** Assets by distance, nearest first, by number among equals; the subjects are in none of them. */
export function byDistance(distance: Uint32Array): number[][] {
  const columns: number[][] = [];
  distance.forEach((d, n) => {
    if (d === FAR || d === 0) return;
    while (columns.length < d) columns.push([]);
    columns[d - 1]!.push(n);
  });
  return columns;
}

function distances(
  count: number,
  rows: Adjacency,
  ends: Uint32Array,
  subjects: readonly number[],
  most: number,
): Uint32Array {
  const distance = new Uint32Array(count).fill(FAR);
  for (const n of subjects) distance[n] = 0;
  let edge = subjects;
  for (let d = 1; edge.length && d <= most; d++) {
    const next: number[] = [];
    for (const n of edge) {
      for (let i = rows.start[n]!; i < rows.start[n + 1]!; i++) {
        const end = ends[rows.edge[i]!]!;
        if (distance[end]! !== FAR) continue;
        distance[end] = d;
        next.push(end);
      }
    }
    edge = next;
  }
  return distance;
}

/** Edges by node, as compressed rows: those of node n are `edge[start[n]] .. edge[start[n + 1] - 1]`, in their order. */
export interface Adjacency {
  readonly start: Uint32Array;
  readonly edge: Uint32Array;
}

/** The edges whose end in `ends` is each of `count` nodes. Cost: O(nodes + edges). */
export function adjacency(count: number, ends: ArrayLike<number>): Adjacency {
  const start = new Uint32Array(count + 1);
  for (let e = 0; e < ends.length; e++) start[ends[e]! + 1]!++;
  for (let n = 0; n < count; n++) start[n + 1]! += start[n]!;
  const next = start.slice(0, count);
  const edge = new Uint32Array(ends.length);
  for (let e = 0; e < ends.length; e++) edge[next[ends[e]!]!++] = e;
  return { start, edge };
}

/** The connected component of each node, numbered by its first node. */
export function components(
  count: number,
  from: ArrayLike<number>,
  to: ArrayLike<number>,
): { of: Uint32Array; count: number } {
  const root = Uint32Array.from({ length: count }, (_, n) => n);
  const find = (n: number): number => {
    let at = n;
    while (root[at]! !== at) {
      root[at] = root[root[at]!]!;
      at = root[at]!;
    }
    return at;
  };
  for (let e = 0; e < from.length; e++) {
    const a = find(from[e]!);
    const b = find(to[e]!);
    if (a < b) root[b] = a;
    else root[a] = b;
  }
  const of = new Uint32Array(count);
  let found = 0;
  for (let n = 0; n < count; n++) of[n] = find(n) === n ? found++ : of[find(n)]!;
  return { of, count: found };
}

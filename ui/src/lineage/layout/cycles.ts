import { adjacency } from "./adjacency.ts";

/** An order of the nodes, and the edges that run against it: none if and only if there is no cycle. */
export interface Acyclic {
  readonly order: Uint32Array;
  readonly against: Uint8Array;
}

/**
 * A topological order (Kahn). Assets have no cycles, but groups of them do: where none is free to come next, the one
 * comes whose edges weigh most outwards compared with inwards, the first of equals.
 */
export function acyclic(
  count: number,
  from: ArrayLike<number>,
  to: ArrayLike<number>,
  weight: ArrayLike<number>,
): Acyclic {
  const outs = adjacency(count, from);
  const ins = adjacency(count, to);
  const waiting = new Int32Array(count);
  for (let e = 0; e < from.length; e++) if (from[e]! !== to[e]!) waiting[to[e]!]!++;
  const placed = new Uint8Array(count);
  const order = new Uint32Array(count);
  let done = 0;
  const place = (node: number): void => {
    placed[node] = 1;
    order[done++] = node;
  };
  for (let n = 0; n < count; n++) if (waiting[n]! === 0) place(n);
  for (let at = 0; at < count; at++) {
    if (at === done) place(mostOutward());
    const node = order[at]!;
    for (let i = outs.start[node]!; i < outs.start[node + 1]!; i++) {
      const next = to[outs.edge[i]!]!;
      if (next !== node && --waiting[next]! === 0 && !placed[next]) place(next);
    }
  }
  const rank = new Uint32Array(count);
  for (let at = 0; at < count; at++) rank[order[at]!] = at;
  const against = new Uint8Array(from.length);
  for (let e = 0; e < from.length; e++) against[e] = rank[from[e]!]! >= rank[to[e]!]! ? 1 : 0;
  return { order, against };

  function mostOutward(): number {
    let best = -1;
    let bestBalance = -Infinity;
    for (let n = 0; n < count; n++) {
      if (placed[n]) continue;
      let balance = 0;
      for (let i = outs.start[n]!; i < outs.start[n + 1]!; i++) {
        if (!placed[to[outs.edge[i]!]!]) balance += weight[outs.edge[i]!]!;
      }
      for (let i = ins.start[n]!; i < ins.start[n + 1]!; i++) {
        if (!placed[from[ins.edge[i]!]!]) balance -= weight[ins.edge[i]!]!;
      }
      if (balance > bestBalance) {
        best = n;
        bestBalance = balance;
      }
    }
    return best;
  }
}

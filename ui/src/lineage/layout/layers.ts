import { adjacency } from "./adjacency.ts";
import { acyclic } from "./cycles.ts";

/** What is laid out in layers from left to right: boxes, and edges without cycles. */
export interface Flat {
  readonly width: Float64Array;
  readonly height: Float64Array;
  /** Where a box has to be: FREE, or at the border of all: FIRST before all free ones, LAST behind them. */
  readonly pin: Uint8Array;
  /** 1 where edges that leave a box may share one lane: not for frames, where it would join edges of different boxes. */
  readonly shares: Uint8Array;
  /** The y of the middle of each box in the layout before; NaN where it was not there. */
  readonly seed: Float64Array;
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  /** Where the edge meets its boxes, below their middle. */
  readonly fromDy: Float64Array;
  readonly toDy: Float64Array;
}

export const FREE = 0;
export const FIRST = 1;
export const LAST = 2;

/** Boxes and points of lanes ("slots": box n is slot n, the others are points), and what joins those of neighbouring layers. */
export interface Lanes {
  readonly layers: number;
  /** The layer of each slot. */
  readonly layer: Uint32Array;
  readonly boxes: number;
  readonly slots: number;
  /** The piece of a line between neighbouring layers. */
  readonly left: Uint32Array;
  readonly right: Uint32Array;
  readonly leftDy: Float64Array;
  readonly rightDy: Float64Array;
  /** The points that edge e runs through: `first[e] .. first[e] + span - 2`, or straight across if that is NONE. */
  readonly first: Uint32Array;
  /** The box or edge that a point is there for, to place it at first: its ends. */
  readonly pointFrom: Uint32Array;
  readonly pointTo: Uint32Array;
}

export const NONE = 0xffffffff;

/** Longest-path layers, tightened: a box with more outputs than inputs stands just before its nearest consumer. */
export function layersOf(flat: Flat): Uint32Array {
  const count = flat.width.length;
  const { from, to, pin } = flat;
  const { order, against } = acyclic(count, from, to, new Float64Array(from.length));
  if (against.includes(1)) throw new Error("edges to lay out have a cycle");
  const outs = adjacency(count, from);
  const ins = adjacency(count, to);
  const layer = new Uint32Array(count);
  const leftmost = pin.includes(FIRST) ? 1 : 0;
  let last = leftmost;
  for (const node of order) {
    if (pin[node]! === FIRST) continue;
    layer[node] = leftmost;
    for (let i = ins.start[node]!; i < ins.start[node + 1]!; i++) {
      layer[node] = Math.max(layer[node]!, layer[from[ins.edge[i]!]!]! + 1);
    }
    if (pin[node]! === FREE) last = Math.max(last, layer[node]!);
  }
  for (let at = count - 1; at >= 0; at--) {
    const node = order[at]!;
    if (pin[node]! === LAST) layer[node] = last + 1;
    if (pin[node]! !== FREE) continue;
    const outputs = outs.start[node + 1]! - outs.start[node]!;
    if (outputs <= ins.start[node + 1]! - ins.start[node]!) continue;
    let nearest = NONE;
    for (let i = outs.start[node]!; i < outs.start[node + 1]!; i++) {
      nearest = Math.min(nearest, layer[to[outs.edge[i]!]!]!);
    }
    layer[node] = nearest - 1;
  }
  return layer;
}

/** Lanes for edges that span layers; of one box they are one lane, which its edges leave one by one. */
export function lanesOf(flat: Flat, layer: Uint32Array, pointsMax: number): Lanes {
  const { from, to } = flat;
  const boxes = layer.length;
  const edges = from.length;
  const layers = boxes ? layer.reduce((most, l) => Math.max(most, l), 0) + 1 : 0;
  const longest = longestWithLane(flat, layer, pointsMax);
  const first = new Uint32Array(edges).fill(NONE);
  const reach = new Uint32Array(boxes); // of the lane that a box shares: how many points
  for (let e = 0; e < edges; e++) {
    const points = layer[to[e]!]! - layer[from[e]!]! - 1;
    if (flat.shares[from[e]!] && points < longest) reach[from[e]!] = Math.max(reach[from[e]!]!, points);
  }
  const shared = new Uint32Array(boxes);
  const farthest = new Uint32Array(boxes);
  let slots = boxes;
  for (let n = 0; n < boxes; n++) {
    shared[n] = slots;
    slots += reach[n]!;
  }
  for (let e = 0; e < edges; e++) {
    const points = layer[to[e]!]! - layer[from[e]!]! - 1;
    if (points < 1 || points >= longest) continue;
    if (flat.shares[from[e]!]) {
      first[e] = shared[from[e]!]!;
      if (points === reach[from[e]!]!) farthest[from[e]!] = to[e]!;
    } else {
      first[e] = slots;
      slots += points;
    }
  }
  const layerOf = new Uint32Array(slots);
  layerOf.set(layer);
  const pointFrom = new Uint32Array(slots - boxes);
  const pointTo = new Uint32Array(slots - boxes);
  const left: number[] = [];
  const right: number[] = [];
  const leftDy: number[] = [];
  const rightDy: number[] = [];
  const join = (a: number, b: number, aDy: number, bDy: number): void => {
    left.push(a);
    right.push(b);
    leftDy.push(aDy);
    rightDy.push(bDy);
  };
  const lane = (start: number, points: number, box: number, target: number, dy: number): void => {
    for (let k = 0; k < points; k++) {
      layerOf[start + k] = layer[box]! + 1 + k;
      pointFrom[start + k - boxes] = box;
      pointTo[start + k - boxes] = target;
      join(k ? start + k - 1 : box, start + k, k ? 0 : dy, 0);
    }
  };
  for (let n = 0; n < boxes; n++) if (reach[n]) lane(shared[n]!, reach[n]!, n, farthest[n]!, 0);
  for (let e = 0; e < edges; e++) {
    const points = layer[to[e]!]! - layer[from[e]!]! - 1;
    if (points < 1) join(from[e]!, to[e]!, flat.fromDy[e]!, flat.toDy[e]!);
    if (first[e]! === NONE) continue;
    if (!flat.shares[from[e]!]) lane(first[e]!, points, from[e]!, to[e]!, flat.fromDy[e]!);
    join(first[e]! + points - 1, to[e]!, 0, flat.toDy[e]!);
  }
  return {
    layers,
    layer: layerOf,
    boxes,
    slots,
    left: Uint32Array.from(left),
    right: Uint32Array.from(right),
    leftDy: Float64Array.from(leftDy),
    rightDy: Float64Array.from(rightDy),
    first,
    pointFrom,
    pointTo,
  };
}

/** Edges with so many points or more have no lane, so that there are at most `pointsMax`. */
function longestWithLane(flat: Flat, layer: Uint32Array, pointsMax: number): number {
  for (let longest = layer.length + 1; ; longest = Math.ceil(longest / 2)) {
    let points = 0;
    for (let e = 0; e < flat.from.length; e++) {
      const span = layer[flat.to[e]!]! - layer[flat.from[e]!]! - 1;
      if (span < longest) points += span;
    }
    if (points <= pointsMax || longest <= 1) return longest;
  }
}

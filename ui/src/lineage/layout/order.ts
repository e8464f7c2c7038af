import { type Adjacency, adjacency } from "./adjacency.ts";
import type { Flat, Lanes } from "./layers.ts";

/** The slots of each layer from top to bottom: layer l has `slots[start[l]] .. slots[start[l + 1] - 1]`. */
export interface Order {
  readonly start: Uint32Array;
  readonly slots: Uint32Array;
}

/** What joins each slot with the layer on its left, and on its right. */
export interface Joins {
  readonly toLeft: Adjacency;
  readonly toRight: Adjacency;
}

/**
 * Pieces of lines that may be looked at in one layout. A bound on work, not on time, so that the same graph is always
 * drawn the same; it is a fifth of a second or so.
 */
export const WORK_MAX = 6_000_000;

const SWEEPS_MAX = 24;
const SWAPS_MAX = 4_000; // pieces, up to which neighbours are swapped one by one as well
const WITHOUT_GAIN_MAX = 4;

export function joinsOf(lanes: Lanes): Joins {
  return { toLeft: adjacency(lanes.slots, lanes.right), toRight: adjacency(lanes.slots, lanes.left) };
}

/**
 * An order with few crossings. Boxes that were there before keep theirs, and new ones come between their neighbours;
 * else depth-first from the sources, then barycentre sweeps.
 */
export function orderOf(flat: Flat, lanes: Lanes, joins: Joins): Order {
  const start = new Uint32Array(lanes.layers + 1);
  for (let s = 0; s < lanes.slots; s++) start[lanes.layer[s]! + 1]!++;
  for (let l = 0; l < lanes.layers; l++) start[l + 1]! += start[l]!;
  const seeded = seedsOf(flat, lanes, joins);
  const slots = sorted(lanes, start, seeded ?? visits(lanes, joins));
  return seeded ? { start, slots } : swept({ start, slots }, lanes, joins);
}

/** How many pairs of lines cross between layers. Cost: O(pieces × log slots), by a Fenwick tree. */
export function crossings(order: Order, lanes: Lanes, joins: Joins): number {
  const rank = ranks(order, lanes.slots);
  let crossed = 0;
  let widest = 0;
  for (let l = 0; l < lanes.layers; l++) widest = Math.max(widest, order.start[l + 1]! - order.start[l]!);
  const tree = new Int32Array(widest + 1);
  for (let l = 0; l + 1 < lanes.layers; l++) {
    const size = order.start[l + 2]! - order.start[l + 1]!;
    tree.fill(0, 0, size + 1);
    let put = 0;
    for (let at = order.start[l]!; at < order.start[l + 1]!; at++) {
      const slot = order.slots[at]!;
      const begin = joins.toRight.start[slot]!;
      const end = joins.toRight.start[slot + 1]!;
      for (let i = begin; i < end; i++) {
        let above = 0; // of those before, how many end at or above this one
        for (let k = rank[lanes.right[joins.toRight.edge[i]!]!]! + 1; k > 0; k -= k & -k) above += tree[k]!;
        crossed += put - above;
      }
      for (let i = begin; i < end; i++) {
        for (let k = rank[lanes.right[joins.toRight.edge[i]!]!]! + 1; k <= size; k += k & -k) tree[k]!++;
      }
      put += end - begin;
    }
  }
  return crossed;
}

function ranks(order: Order, slots: number): Uint32Array {
  const rank = new Uint32Array(slots);
  for (let l = 0; l + 1 < order.start.length; l++) {
    for (let at = order.start[l]!; at < order.start[l + 1]!; at++) rank[order.slots[at]!] = at - order.start[l]!;
  }
  return rank;
}

function sorted(lanes: Lanes, start: Uint32Array, key: Float64Array): Uint32Array {
  const next = start.slice();
  const slots = new Uint32Array(lanes.slots);
  for (let s = 0; s < lanes.slots; s++) slots[next[lanes.layer[s]!]!++] = s;
  for (let l = 0; l < lanes.layers; l++) {
    slots.subarray(start[l]!, start[l + 1]!).sort((a, b) => key[a]! - key[b]! || a - b);
  }
  return slots;
}

/** Where slots would be by the layout before; null if most boxes are new. */
function seedsOf(flat: Flat, lanes: Lanes, joins: Joins): Float64Array | null {
  let known = 0;
  let free = 0;
  for (let n = 0; n < lanes.boxes; n++) {
    if (flat.pin[n]! !== 0) continue;
    free++;
    if (!Number.isNaN(flat.seed[n]!)) known++;
  }
  if (free === 0 || known < free * 0.6) return null;
  const y = new Float64Array(lanes.slots).fill(Number.NaN);
  y.set(flat.seed);
  // New boxes stand at the mean of those they are joined with, through others that are new too.
  for (let round = 0; round < 4; round++) {
    for (let s = 0; s < lanes.boxes; s++) {
      if (!Number.isNaN(y[s]!)) continue;
      let sum = 0;
      let of = 0;
      for (const [rows, ends] of [
        [joins.toLeft, lanes.left],
        [joins.toRight, lanes.right],
      ] as const) {
        for (let i = rows.start[s]!; i < rows.start[s + 1]!; i++) {
          const end = ends[rows.edge[i]!]!;
          if (!Number.isNaN(y[end]!)) {
            sum += y[end]!;
            of++;
          }
        }
      }
      if (of) y[s] = sum / of;
    }
  }
  for (let s = 0; s < lanes.boxes; s++) if (Number.isNaN(y[s]!)) y[s] = Number.MAX_VALUE;
  for (let s = lanes.boxes; s < lanes.slots; s++) {
    const a = lanes.pointFrom[s - lanes.boxes]!;
    const b = lanes.pointTo[s - lanes.boxes]!;
    const part = (lanes.layer[s]! - lanes.layer[a]!) / (lanes.layer[b]! - lanes.layer[a]!);
    y[s] = y[a]! * (1 - part) + y[b]! * part;
  }
  return y;
}

/** When a depth-first walk from the sources comes to each slot. */
function visits(lanes: Lanes, joins: Joins): Float64Array {
  const visit = new Float64Array(lanes.slots).fill(-1);
  const stack: number[] = [];
  let count = 0;
  for (let source = 0; source < lanes.slots; source++) {
    if (joins.toLeft.start[source + 1]! > joins.toLeft.start[source]!) continue;
    stack.push(source);
    for (let slot = stack.pop(); slot !== undefined; slot = stack.pop()) {
      if (visit[slot]! >= 0) continue;
      visit[slot] = count++;
      for (let i = joins.toRight.start[slot + 1]! - 1; i >= joins.toRight.start[slot]!; i--) {
        stack.push(lanes.right[joins.toRight.edge[i]!]!);
      }
    }
  }
  return visit;
}

function swept(order: Order, lanes: Lanes, joins: Joins): Order {
  const pieces = lanes.left.length;
  let work = WORK_MAX;
  const cost = pieces * 3 + lanes.slots * 2;
  let best = order.slots.slice();
  let fewest = crossings(order, lanes, joins);
  let withoutGain = 0;
  const rank = ranks(order, lanes.slots);
  const key = new Float64Array(lanes.slots);
  for (let sweep = 0; sweep < SWEEPS_MAX && fewest > 0 && work > cost && withoutGain < WITHOUT_GAIN_MAX; sweep++) {
    const rightwards = sweep % 2 === 0;
    const rows = rightwards ? joins.toLeft : joins.toRight;
    const ends = rightwards ? lanes.left : lanes.right;
    for (let step = 0; step < lanes.layers; step++) {
      const l = rightwards ? step : lanes.layers - 1 - step;
      const layer = order.slots.subarray(order.start[l]!, order.start[l + 1]!);
      for (const slot of layer) {
        let sum = 0;
        const of = rows.start[slot + 1]! - rows.start[slot]!;
        for (let i = rows.start[slot]!; i < rows.start[slot + 1]!; i++) sum += rank[ends[rows.edge[i]!]!]!;
        key[slot] = of ? sum / of : rank[slot]!;
      }
      layer.sort((a, b) => key[a]! - key[b]! || rank[a]! - rank[b]!);
      for (let at = 0; at < layer.length; at++) rank[layer[at]!] = at;
    }
    work -= cost;
    if (pieces <= SWAPS_MAX) work -= swapNeighbours(order, lanes, joins, rank);
    const now = crossings(order, lanes, joins);
    if (now < fewest) {
      fewest = now;
      best = order.slots.slice();
      withoutGain = 0;
    } else withoutGain++;
  }
  return { start: order.start, slots: best };
}

/** Swap neighbours in a layer where that takes away crossings; returns how much was looked at. */
function swapNeighbours(order: Order, lanes: Lanes, joins: Joins, rank: Uint32Array): number {
  let looked = 0;
  const crossed = (rows: Adjacency, ends: Uint32Array, a: number, b: number): number => {
    let sum = 0;
    for (let i = rows.start[a]!; i < rows.start[a + 1]!; i++) {
      const x = rank[ends[rows.edge[i]!]!]!;
      for (let k = rows.start[b]!; k < rows.start[b + 1]!; k++) {
        const y = rank[ends[rows.edge[k]!]!]!;
        sum += x > y ? 1 : x < y ? -1 : 0;
        looked++;
      }
    }
    return sum;
  };
  for (let round = 0; round < 3; round++) {
    let swapped = false;
    for (let l = 0; l < lanes.layers; l++) {
      for (let at = order.start[l]!; at + 1 < order.start[l + 1]!; at++) {
        const a = order.slots[at]!;
        const b = order.slots[at + 1]!;
        const gain = crossed(joins.toLeft, lanes.left, a, b) + crossed(joins.toRight, lanes.right, a, b);
        if (gain <= 0) continue;
        order.slots[at] = b;
        order.slots[at + 1] = a;
        rank[b]!--;
        rank[a]!++;
        swapped = true;
      }
    }
    if (!swapped) break;
  }
  return looked;
}

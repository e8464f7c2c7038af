import type { Adjacency } from "./adjacency.ts";
import type { Flat, Lanes } from "./layers.ts";
import type { Joins, Order } from "./order.ts";

export interface Gaps {
  /** Between boxes of a layer, between a box and a line, and between two lines. */
  readonly box: number;
  readonly beside: number;
  readonly line: number;
}

const POINT_WEIGHT = 2; // lines bend less than boxes move, so that long ones run straight
const PASSES = 6;

/**
 * The y of the middle of each slot: order and gaps kept, else as near as can be to the mean of what it is joined with.
 *
 * Each layer is solved exactly, as least squares under order: pool adjacent violators. Cost: O(slots + pieces) a pass.
 */
export function rowsOf(flat: Flat, lanes: Lanes, joins: Joins, order: Order, gaps: Gaps): Float64Array {
  const y = new Float64Array(lanes.slots);
  const wanted = new Float64Array(lanes.slots);
  const weight = new Float64Array(lanes.slots);
  const solver = poolAdjacent(flat, lanes, order, gaps);
  for (let l = 0; l < lanes.layers; l++) {
    for (let at = order.start[l]!; at < order.start[l + 1]!; at++) {
      const slot = order.slots[at]!;
      wanted[slot] = slot < lanes.boxes && !Number.isNaN(flat.seed[slot]!) ? flat.seed[slot]! : 0;
      weight[slot] = 1;
    }
    solver(l, wanted, weight, y);
  }
  for (let pass = 0; pass <= PASSES; pass++) {
    const both = pass === PASSES;
    const rightwards = pass % 2 === 0;
    for (let step = 0; step < lanes.layers; step++) {
      const l = rightwards ? step : lanes.layers - 1 - step;
      for (let at = order.start[l]!; at < order.start[l + 1]!; at++) {
        const slot = order.slots[at]!;
        let sum = 0;
        let of = 0;
        const pull = (rows: Adjacency, ends: Uint32Array, endDy: Float64Array, ownDy: Float64Array): void => {
          for (let i = rows.start[slot]!; i < rows.start[slot + 1]!; i++) {
            const piece = rows.edge[i]!;
            const strength = ends[piece]! < lanes.boxes ? 1 : POINT_WEIGHT;
            sum += strength * (y[ends[piece]!]! + endDy[piece]! - ownDy[piece]!);
            of += strength;
          }
        };
        if (rightwards || both) pull(joins.toLeft, lanes.left, lanes.leftDy, lanes.rightDy);
        if (!rightwards || both) pull(joins.toRight, lanes.right, lanes.rightDy, lanes.leftDy);
        wanted[slot] = of ? sum / of : y[slot]!;
        weight[slot] = slot >= lanes.boxes ? POINT_WEIGHT : of ? 1 : 0.25;
      }
      solver(l, wanted, weight, y);
    }
  }
  return y;
}

function poolAdjacent(
  flat: Flat,
  lanes: Lanes,
  order: Order,
  gaps: Gaps,
): (layer: number, wanted: Float64Array, weight: Float64Array, y: Float64Array) => void {
  let widest = 0;
  for (let l = 0; l < lanes.layers; l++) widest = Math.max(widest, order.start[l + 1]! - order.start[l]!);
  const offset = new Float64Array(widest); // from the first of the layer, if all stood as close as they may
  const mean = new Float64Array(widest);
  const total = new Float64Array(widest);
  const begin = new Uint32Array(widest + 1);
  return (l, wanted, weight, y) => {
    const start = order.start[l]!;
    const size = order.start[l + 1]! - start;
    let blocks = 0;
    for (let i = 0; i < size; i++) {
      const slot = order.slots[start + i]!;
      if (i) offset[i] = offset[i - 1]! + apart(order.slots[start + i - 1]!, slot);
      else offset[0] = 0;
      mean[blocks] = wanted[slot]! - offset[i]!;
      total[blocks] = weight[slot]!;
      begin[blocks++] = i;
      while (blocks > 1 && mean[blocks - 2]! > mean[blocks - 1]!) {
        const both = total[blocks - 2]! + total[blocks - 1]!;
        mean[blocks - 2] = (mean[blocks - 2]! * total[blocks - 2]! + mean[blocks - 1]! * total[blocks - 1]!) / both;
        total[blocks - 2] = both;
        blocks--;
      }
    }
    begin[blocks] = size;
    for (let b = 0; b < blocks; b++) {
      for (let i = begin[b]!; i < begin[b + 1]!; i++) y[order.slots[start + i]!] = mean[b]! + offset[i]!;
    }
  };

  function apart(a: number, b: number): number {
    const ha = a < lanes.boxes ? flat.height[a]! / 2 : 0;
    const hb = b < lanes.boxes ? flat.height[b]! / 2 : 0;
    const real = (slot: number): boolean => slot < lanes.boxes && flat.pin[slot]! === 0;
    const gap = real(a) && real(b) ? gaps.box : real(a) || real(b) ? gaps.beside : gaps.line;
    return ha + hb + gap;
  }
}

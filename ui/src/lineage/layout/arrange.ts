import type { View } from "../view.ts";
import { acyclic } from "./cycles.ts";
import { type Placed, placed, SLIM, SPACING } from "./flat.ts";
import { FIRST, type Flat, FREE, LAST, layersOf } from "./layers.ts";
import { ports } from "./ports.ts";
import type { Lines, Scene, Sizes } from "./scene.ts";
import { SIZES } from "./scene.ts";

/** The y of the middle of each box in its frame, by node, in the scene before; what is not there is new. */
export type Seeds = ReadonlyMap<number, number>;

/**
 * Frames from the inside out: each is laid out alone, and is a box in the one around it.
 *
 * A line that leaves a frame runs through its columns to the border in a lane of its own, and from there on in that of the
 * frame. So the order of columns in a frame never depends on which groups in it are open. Same input, same output.
 */
export function arranged(view: View, seeds: Seeds = new Map(), sizes: Sizes = SIZES): Scene {
  const boxes = view.node.length;
  const plan = ports(view, (count, from, to, weight) => acyclic(count, from, to, weight).against);
  const width = new Float64Array(boxes);
  const height = new Float64Array(boxes);
  const inside: (Placed | null)[] = new Array(boxes + 1).fill(null);
  const { frame } = sizes;

  for (let box = boxes - 1; box >= -1; box--) {
    if (box >= 0 && !view.isFrame[box]) {
      const size = view.isGroup[box] ? sizes.group : sizes.card;
      width[box] = size.width;
      height[box] = size.height;
      continue;
    }
    const local = plan.frames[box + 1]!;
    const flat = {
      width: Float64Array.from(local.box, (b) => (b < 0 ? 0 : width[b]!)),
      height: Float64Array.from(local.box, (b) => (b < 0 ? 0 : height[b]! + (view.isFrame[b] ? 2 * frame.clear : 0))),
      pin: Uint8Array.from(local.side, (side) => (side === 0 ? FREE : side < 0 ? FIRST : LAST)),
      shares: Uint8Array.from(local.box, (b) => (b >= 0 && !view.isFrame[b] ? 1 : 0)),
      seed: Float64Array.from(local.box, (b) => (b < 0 ? Number.NaN : (seeds.get(view.node[b]!) ?? Number.NaN))),
      from: local.from,
      to: local.to,
      fromDy: portDy(local.from, local.box, local.fromPorts, inside, height),
      toDy: portDy(local.to, local.box, local.toPorts, inside, height),
    };
    const isSlim = isLong(flat, local.box);
    if (isSlim)
      local.box.forEach((b, at) => {
        if (b >= 0) flat.width[at] = width[b] = sizes.slim.width;
      });
    const placement = placed(flat, isSlim ? SLIM : SPACING);
    inside[box + 1] = placement;
    if (box >= 0) {
      width[box] = placement.width + 2 * frame.side;
      height[box] = placement.height + frame.top + frame.bottom;
    }
  }

  const x = new Float64Array(boxes);
  const y = new Float64Array(boxes);
  const column = new Uint32Array(boxes);
  for (let f = 0; f <= boxes; f++) {
    const placement = inside[f]!;
    if (!placement) continue;
    const { left, top } = origin(f);
    plan.frames[f]!.box.forEach((box, at) => {
      if (box < 0) return;
      x[box] = left + placement.x[at]!;
      y[box] = top + placement.y[at]! - height[box]! / 2;
      column[box] = placement.column[at]!;
    });
  }
  const lines = linesOf();
  const { bundles, bundleOf } = bundlesOf();
  const { node, parent, isGroup, isFrame, boxOf, lineOf } = view;
  return {
    node,
    parent,
    isGroup,
    isFrame,
    boxOf,
    lineOf,
    x,
    y,
    width,
    height,
    column,
    lines,
    bundles,
    bundleOf,
    bounds: boundsOf(x, y, width, height, lines.path),
  };

  /** Whether there are so many columns of cards; where groups are among them they stay as wide as those. */
  function isLong(flat: Flat, local: ArrayLike<number>): boolean {
    const own = Array.from(local);
    if (own.length < sizes.slim.columns || own.some((b) => b >= 0 && view.isGroup[b])) return false;
    const layer = layersOf(flat);
    const columns = new Set(own.flatMap((b, at) => (b >= 0 ? [layer[at]!] : [])));
    return columns.size >= sizes.slim.columns;
  }

  /** Where the content of a frame begins; frame 0 is all. */
  function origin(f: number): { left: number; top: number } {
    return f === 0 ? { left: 0, top: 0 } : { left: x[f - 1]! + frame.side, top: y[f - 1]! + frame.top };
  }

  /** Where edges meet frames, below their middle: the mean of where the lines in them do. */
  function portDy(
    ends: Uint32Array,
    box: Int32Array,
    portsOf: readonly (readonly number[])[],
    within: readonly (Placed | null)[],
    heights: Float64Array,
  ): Float64Array {
    return Float64Array.from(ends, (end, e) => {
      const own = box[end]!;
      const placement = own < 0 ? null : within[own + 1]!;
      if (!placement || !portsOf[e]!.length) return 0;
      const mean = portsOf[e]!.reduce((sum, port) => sum + placement.y[port]!, 0) / portsOf[e]!.length;
      return frame.top + mean - heights[own]! / 2;
    });
  }

  function linesOf(): Lines {
    const start = new Uint32Array(view.from.length + 1);
    let points = 0;
    plan.chainEdge.forEach((edge, i) => {
      points += pointsOf(plan.chainFrame[i]!, edge);
    });
    const pen: Pen = { path: new Float64Array(2 * points), end: 0 };
    for (let e = 0; e < view.from.length; e++) {
      const begin = pen.end;
      for (let i = plan.chainStart[e]!; i < plan.chainStart[e + 1]!; i++) {
        extend(pen, begin, plan.chainFrame[i]!, plan.chainEdge[i]!);
      }
      if (plan.against[e]) reverse(pen, begin);
      start[e + 1] = pen.end / 2;
    }
    const { from, to, count } = view;
    return { from, to, count, against: plan.against, start, path: pen.path.slice(0, pen.end) };
  }

  function pointsOf(f: number, edge: number): number {
    const { pathStart } = inside[f]!;
    return pathStart[edge + 1]! - pathStart[edge]!;
  }

  /** Go on by an edge of a frame: the straight end of what there is and its straight beginning become one. */
  function extend(pen: Pen, begin: number, f: number, edge: number): void {
    const placement = inside[f]!;
    const { left, top } = origin(f);
    const { path } = pen;
    const first = placement.pathStart[edge]!;
    const end = placement.pathStart[edge + 1]!;
    const goesOn = pen.end > begin;
    const inwards = goesOn && f > 0 && plan.frames[f]!.side[plan.frames[f]!.from[edge]!]! < 0;
    let straightY = Number.NaN;
    if (goesOn) {
      straightY = inwards ? top + placement.path[2 * first + 1]! : path[pen.end - 1]!;
      pen.end -= 2;
      path[pen.end - 1] = straightY;
    }
    for (let p = first + (goesOn ? 1 : 0); p < end; p++) {
      path[pen.end++] = left + placement.path[2 * p]!;
      path[pen.end++] = p === first + 1 && goesOn ? straightY : top + placement.path[2 * p + 1]!;
    }
  }

  function bundlesOf(): { bundles: Lines; bundleOf: Uint32Array } {
    const from: number[] = [];
    const to: number[] = [];
    const count: number[] = [];
    const against: number[] = [];
    const start: number[] = [0];
    let points = 0;
    plan.frames.forEach((local, f) => {
      for (let e = 0; e < local.from.length; e++) points += pointsOf(f, e);
    });
    const pen: Pen = { path: new Float64Array(2 * points), end: 0 };
    const numbers: Uint32Array[] = [];
    plan.frames.forEach((local, f) => {
      const own = new Uint32Array(local.from.length);
      numbers.push(own);
      for (let e = 0; e < local.from.length; e++) {
        const a = local.box[local.from[e]!]!;
        const b = local.box[local.to[e]!]!;
        if (a < 0 || b < 0) continue;
        const begin = pen.end;
        extend(pen, begin, f, e);
        if (local.against[e]) reverse(pen, begin);
        own[e] = from.push(local.against[e] ? b : a) - 1;
        to.push(local.against[e] ? a : b);
        count.push(local.count[e]!);
        against.push(local.against[e]!);
        start.push(pen.end / 2);
      }
    });
    const bundles = {
      from: Uint32Array.from(from),
      to: Uint32Array.from(to),
      count: Uint32Array.from(count),
      against: Uint8Array.from(against),
      start: Uint32Array.from(start),
      path: pen.path.slice(0, pen.end),
    };
    return { bundles, bundleOf: Uint32Array.from(view.from, (_, e) => numbers[plan.liftFrame[e]!]![plan.lift[e]!]!) };
  }
}

/** The seeds that a scene is for the next one. */
export function seedsOf(scene: Scene, sizes: Sizes = SIZES): Map<number, number> {
  const seeds = new Map<number, number>();
  scene.node.forEach((node, box) => {
    const above = scene.parent[box]!;
    const top = above < 0 ? 0 : scene.y[above]! + sizes.frame.top;
    seeds.set(node, scene.y[box]! + scene.height[box]! / 2 - top);
  });
  return seeds;
}

/** Points that were written so far, in room enough for all. */
interface Pen {
  readonly path: Float64Array;
  end: number;
}

function reverse({ path, end }: Pen, begin: number): void {
  for (let i = begin, k = end - 2; i < k; i += 2, k -= 2) {
    [path[i], path[k]] = [path[k]!, path[i]!];
    [path[i + 1], path[k + 1]] = [path[k + 1]!, path[i + 1]!];
  }
}

function boundsOf(
  x: Float64Array,
  y: Float64Array,
  width: Float64Array,
  height: Float64Array,
  path: Float64Array,
): Float64Array {
  if (!x.length) return new Float64Array(4);
  const bounds = Float64Array.of(Infinity, Infinity, -Infinity, -Infinity);
  const include = (px: number, py: number): void => {
    bounds[0] = Math.min(bounds[0]!, px);
    bounds[1] = Math.min(bounds[1]!, py);
    bounds[2] = Math.max(bounds[2]!, px);
    bounds[3] = Math.max(bounds[3]!, py);
  };
  for (let n = 0; n < x.length; n++) {
    include(x[n]!, y[n]!);
    include(x[n]! + width[n]!, y[n]! + height[n]!);
  }
  for (let i = 0; i < path.length; i += 2) include(path[i]!, path[i + 1]!);
  return bounds;
}

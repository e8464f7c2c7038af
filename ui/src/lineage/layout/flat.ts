import { components } from "./adjacency.ts";
import { FIRST, type Flat, FREE, LAST, lanesOf, layersOf, NONE } from "./layers.ts";
import { joinsOf, orderOf } from "./order.ts";
import { type Gaps, rowsOf } from "./rows.ts";

export interface Spacing extends Gaps {
  /** Between columns; more where many lines run. */
  readonly column: number;
  /** Between a border and the column beside it. */
  readonly border: number;
}

export const SPACING: Spacing = { box: 14, beside: 12, line: 8, column: 48, border: 26 };

/** Where columns are many. */
export const SLIM: Spacing = { ...SPACING, column: 18 };

/** Above this many points lines run straight across instead of through lanes of their own. */
const POINTS_MAX = 400_000;

/** Where boxes are (their left end and their middle), and how edges run; all within `width` and `height`, from 0. */
export interface Placed {
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly column: Uint32Array;
  readonly width: number;
  readonly height: number;
  /**
   * Of edge e the points `pathStart[e] .. pathStart[e + 1] - 1`, as x, y, x, y, …: by turns straight and curved to the next
   * one, straight first. Straight parts run along columns and curves between them, so that lines cross no box.
   */
  readonly pathStart: Uint32Array;
  readonly path: Float64Array;
}

/** Boxes in columns by what they read. Connected ones together; the others packed below them. */
export function placed(flat: Flat, spacing: Spacing = SPACING): Placed {
  const count = flat.width.length;
  const parts = components(count, flat.from, flat.to);
  const nodesOf = buckets(parts.count, parts.of);
  const edgesOf = buckets(
    parts.count,
    Uint32Array.from(flat.from, (n) => parts.of[n]!),
  );
  const x = new Float64Array(count);
  const y = new Float64Array(count);
  const column = new Uint32Array(count);
  const pieces: Piece[] = nodesOf.map((nodes, part) => onePiece(flat, nodes, edgesOf[part]!, spacing));
  const bound = pieces.filter((piece) => piece.bound).sort(bySeed);
  const free = pieces.filter((piece) => !piece.bound).sort((a, b) => bySize(a, b));
  let height = 0;
  let width = 0;
  for (const piece of bound) {
    piece.dy = height;
    height += piece.height + spacing.box * 2;
    width = Math.max(width, piece.width);
  }
  const area = free.reduce((sum, piece) => sum + (piece.width + spacing.column) * (piece.height + spacing.box), 0);
  const shelf = Math.max(width, Math.sqrt(area * 1.8), ...free.slice(0, 1).map((piece) => piece.width));
  let left = 0;
  let tall = 0;
  for (const piece of free) {
    if (left > 0 && left + piece.width > shelf) {
      left = 0;
      height += tall + spacing.box;
      tall = 0;
    }
    piece.dx = left;
    piece.dy = height;
    left += piece.width + (piece.nodes.length === 1 ? spacing.box * 2 : spacing.column);
    tall = Math.max(tall, piece.height);
    width = Math.max(width, piece.dx + piece.width);
  }
  height = free.length ? height + tall : Math.max(0, height - spacing.box * 2);
  const pathStart = new Uint32Array(flat.from.length + 1);
  for (const piece of pieces) {
    piece.nodes.forEach((node, at) => {
      x[node] = flat.pin[node]! === LAST ? width : piece.dx + piece.x[at]!;
      y[node] = piece.dy + piece.y[at]!;
      column[node] = piece.column[at]!;
    });
    piece.edges.forEach((edge, at) => {
      pathStart[edge + 1] = piece.pathStart[at + 1]! - piece.pathStart[at]!;
    });
  }
  for (let e = 0; e < flat.from.length; e++) pathStart[e + 1]! += pathStart[e]!;
  const path = new Float64Array(2 * pathStart[flat.from.length]!);
  for (const piece of pieces) {
    piece.edges.forEach((edge, at) => {
      let out = 2 * pathStart[edge]!;
      for (let i = 2 * piece.pathStart[at]!; i < 2 * piece.pathStart[at + 1]!; i += 2) {
        path[out++] = piece.dx + piece.path[i]!;
        path[out++] = piece.dy + piece.path[i + 1]!;
      }
      if (flat.pin[flat.to[edge]!]! === LAST) path[out - 2] = width;
    });
  }
  return { x, y, column, width, height, pathStart, path };
}

interface Piece {
  readonly nodes: readonly number[];
  readonly edges: readonly number[];
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly column: Uint32Array;
  readonly width: number;
  readonly height: number;
  readonly pathStart: Uint32Array;
  readonly path: Float64Array;
  /** True if edges run on to the border, so that nothing may stand beside it. */
  readonly bound: boolean;
  readonly seed: number;
  dx: number;
  dy: number;
}

function bySeed(a: Piece, b: Piece): number {
  return a.seed - b.seed || a.nodes[0]! - b.nodes[0]!;
}

function bySize(a: Piece, b: Piece): number {
  return (
    Number(a.nodes.length === 1) - Number(b.nodes.length === 1) || b.height - a.height || a.nodes[0]! - b.nodes[0]!
  );
}

function buckets(count: number, of: ArrayLike<number>): number[][] {
  const rows: number[][] = Array.from({ length: count }, () => []);
  for (let n = 0; n < of.length; n++) rows[of[n]!]!.push(n);
  return rows;
}

function onePiece(whole: Flat, nodes: readonly number[], edges: readonly number[], spacing: Spacing): Piece {
  const flat = nodes.length === whole.width.length ? whole : excerpt(whole, nodes, edges);
  const layer = layersOf(flat);
  const lanes = lanesOf(flat, layer, POINTS_MAX);
  const joins = joinsOf(lanes);
  const order = orderOf(flat, lanes, joins);
  const y = rowsOf(flat, lanes, joins, order, spacing);
  const columns = columnsOf(flat, layer, lanes, spacing);
  let top = Infinity;
  let bottom = -Infinity;
  for (let s = 0; s < lanes.slots; s++) {
    const half = s < lanes.boxes ? flat.height[s]! / 2 : 0;
    top = Math.min(top, y[s]! - half);
    bottom = Math.max(bottom, y[s]! + half);
  }
  for (let s = 0; s < lanes.slots; s++) y[s]! -= top;
  const x = Float64Array.from(layer, (l) => columns.left[l]!);
  const pathStart = new Uint32Array(edges.length + 1);
  const pointsOf = (e: number): number =>
    lanes.first[e]! === NONE ? 0 : layer[flat.to[e]!]! - layer[flat.from[e]!]! - 1;
  for (let e = 0; e < edges.length; e++) pathStart[e + 1] = pathStart[e]! + 4 + 2 * pointsOf(e);
  const path = new Float64Array(2 * pathStart[edges.length]!);
  let out = 0;
  const straight = (from: number, to: number, at: number): void => {
    path[out++] = from;
    path[out++] = at;
    path[out++] = to;
    path[out++] = at;
  };
  for (let e = 0; e < edges.length; e++) {
    const a = flat.from[e]!;
    const b = flat.to[e]!;
    straight(x[a]! + flat.width[a]!, columns.right[layer[a]!]!, y[a]! + flat.fromDy[e]!);
    for (let k = 0; k < pointsOf(e); k++) {
      const l = layer[a]! + 1 + k;
      straight(columns.left[l]!, columns.right[l]!, y[lanes.first[e]! + k]!);
    }
    straight(columns.left[layer[b]!]!, x[b]!, y[b]! + flat.toDy[e]!);
  }
  const seeds = nodes.map((_, n) => flat.seed[n]!).filter((seed) => !Number.isNaN(seed));
  return {
    nodes,
    edges,
    x,
    y: y.slice(0, lanes.boxes),
    column: layer,
    width: columns.right[lanes.layers - 1]!,
    height: bottom - top,
    pathStart,
    path,
    bound: flat.pin.some((pin) => pin !== FREE),
    seed: seeds.length ? seeds.reduce((sum, seed) => sum + seed, 0) / seeds.length : Number.MAX_VALUE,
    dx: 0,
    dy: 0,
  };
}

function excerpt(whole: Flat, nodes: readonly number[], edges: readonly number[]): Flat {
  const local = new Map(nodes.map((node, at) => [node, at]));
  const ends = (all: Uint32Array): Uint32Array => Uint32Array.from(edges, (e) => local.get(all[e]!) as number);
  return {
    width: Float64Array.from(nodes, (n) => whole.width[n]!),
    height: Float64Array.from(nodes, (n) => whole.height[n]!),
    pin: Uint8Array.from(nodes, (n) => whole.pin[n]!),
    shares: Uint8Array.from(nodes, (n) => whole.shares[n]!),
    seed: Float64Array.from(nodes, (n) => whole.seed[n]!),
    from: ends(whole.from),
    to: ends(whole.to),
    fromDy: Float64Array.from(edges, (e) => whole.fromDy[e]!),
    toDy: Float64Array.from(edges, (e) => whole.toDy[e]!),
  };
}

function columnsOf(
  flat: Flat,
  layer: Uint32Array,
  lanes: { readonly layers: number; readonly layer: Uint32Array; readonly left: Uint32Array },
  spacing: Spacing,
): { left: Float64Array; right: Float64Array } {
  const widths = new Float64Array(lanes.layers);
  for (let n = 0; n < layer.length; n++) widths[layer[n]!] = Math.max(widths[layer[n]!]!, flat.width[n]!);
  const lines = new Uint32Array(lanes.layers);
  for (const slot of lanes.left) lines[lanes.layer[slot]!]!++;
  const first = flat.pin.includes(FIRST);
  const last = flat.pin.includes(LAST);
  const left = new Float64Array(lanes.layers);
  const right = new Float64Array(lanes.layers);
  for (let l = 0, x = 0; l < lanes.layers; l++) {
    left[l] = x;
    right[l] = x + widths[l]!;
    const atBorder = (first && l === 0) || (last && l === lanes.layers - 2);
    x = right[l]! + (atBorder ? spacing.border : spacing.column) + Math.min(72, 3 * Math.sqrt(lines[l]!));
  }
  return { left, right };
}

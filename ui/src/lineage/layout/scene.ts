/** Where everything is, in the coordinates of the drawing; y goes down. Made of arrays that a worker hands over. */
export interface Scene {
  /** As in the view that was laid out. */
  readonly node: Uint32Array;
  readonly parent: Int32Array;
  readonly isGroup: Uint8Array;
  readonly isFrame: Uint8Array;
  readonly boxOf: Int32Array;
  readonly lineOf: Int32Array;
  /** Top left corner and size of each box. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly width: Float64Array;
  readonly height: Float64Array;
  /** The column that it stands in, in its frame. */
  readonly column: Uint32Array;
  /** From asset to asset, or to the groups that hide them. */
  readonly lines: Lines;
  /** Between boxes and frames that stand beside each other in a frame: many lines drawn as one. */
  readonly bundles: Lines;
  /** The bundle that each line is in. */
  readonly bundleOf: Uint32Array;
  /** What encloses all boxes and lines: left, top, right, bottom. */
  readonly bounds: Float64Array;
}

export interface Lines {
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  /** How many edges between assets each stands for. */
  readonly count: Uint32Array;
  /** 1 where it runs against the flow, as some do in a cycle of groups: its path begins right of where it ends. */
  readonly against: Uint8Array;
  /**
   * Line n has the points `start[n] .. start[n + 1] - 1` of `path`, as x, y, x, y, …: by turns straight and curved to the next
   * one, straight first and last.
   */
  readonly start: Uint32Array;
  readonly path: Float64Array;
}

export interface Sizes {
  readonly card: { readonly width: number; readonly height: number };
  readonly group: { readonly width: number; readonly height: number };
  /** Cards in a frame of so many columns of them, or more: else few of them would be seen at once. */
  readonly slim: { readonly width: number; readonly columns: number };
  /** Around what is in a frame; `clear` is kept free above and below it, for its name when it is seen from far. */
  readonly frame: { readonly side: number; readonly top: number; readonly bottom: number; readonly clear: number };
}

export const SIZES: Sizes = {
  card: { width: 184, height: 36 },
  group: { width: 208, height: 58 },
  slim: { width: 152, columns: 6 },
  frame: { side: 16, top: 44, bottom: 16, clear: 14 },
};

/** The arrays of a scene, to be handed over instead of copied. */
export function transferables(scene: Scene): ArrayBuffer[] {
  const { lines, bundles, ...boxes } = scene;
  return [boxes, lines, bundles].flatMap((part) => Object.values(part).map((array) => array.buffer as ArrayBuffer));
}

export const NO_SCENE: Scene = {
  node: new Uint32Array(),
  parent: new Int32Array(),
  isGroup: new Uint8Array(),
  isFrame: new Uint8Array(),
  boxOf: new Int32Array(),
  lineOf: new Int32Array(),
  x: new Float64Array(),
  y: new Float64Array(),
  width: new Float64Array(),
  height: new Float64Array(),
  column: new Uint32Array(),
  lines: noLines(),
  bundles: noLines(),
  bundleOf: new Uint32Array(),
  bounds: new Float64Array(4),
};

function noLines(): Lines {
  return {
    from: new Uint32Array(),
    to: new Uint32Array(),
    count: new Uint32Array(),
    against: new Uint8Array(),
    start: new Uint32Array(1),
    path: new Float64Array(),
  };
}

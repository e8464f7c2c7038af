import type { Graph } from "./graph.ts";
import { NOBODY, type Tree } from "./tree.ts";

/** What is shown: boxes, and frames around boxes. Frames come before what is in them. */
export interface View {
  /** The node of the tree that each box is. */
  readonly node: Uint32Array;
  /** The frame that each is in, as a number of a box; -1 at the top. */
  readonly parent: Int32Array;
  /** 1 for groups; those that are open are frames. */
  readonly isGroup: Uint8Array;
  readonly isFrame: Uint8Array;
  /** Lines between boxes that are no frames; each stands for `count` edges between assets. */
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  readonly count: Uint32Array;
  /** Of each asset the box that it is, or is in; -1 if it is not shown. */
  readonly boxOf: Int32Array;
  /** Of each edge between assets the line that stands for it; -1 where there is none. */
  readonly lineOf: Int32Array;
}

/** The boxes while these groups are open; only assets of `only`, if that is given, and what they are in. */
export function viewOf(graph: Graph, tree: Tree, expanded: ReadonlySet<number>, only: Uint8Array | null = null): View {
  const holds = only && holdsAny(tree, only);
  const node: number[] = [];
  const parent: number[] = [];
  const isFrame: number[] = [];
  const boxOf = new Int32Array(tree.assets).fill(-1);
  const visit = (of: number, above: number): void => {
    if (holds && !holds[of]) return;
    const box = node.push(of) - 1;
    parent.push(above);
    const open = expanded.has(of) && of >= tree.assets;
    isFrame.push(open ? 1 : 0);
    if (of < tree.assets) boxOf[of] = box;
    for (const child of tree.children[of]!) {
      if (open) visit(child, box);
      else cover(child, box);
    }
  };
  const cover = (of: number, box: number): void => {
    if (of < tree.assets) boxOf[of] = holds && !holds[of] ? -1 : box;
    for (const child of tree.children[of]!) cover(child, box);
  };
  for (const root of tree.roots) visit(root, NOBODY);

  const lines = new Map<number, number>();
  const from: number[] = [];
  const to: number[] = [];
  const count: number[] = [];
  const lineOf = new Int32Array(graph.from.length).fill(-1);
  for (let e = 0; e < graph.from.length; e++) {
    const a = boxOf[graph.from[e]!]!;
    const b = boxOf[graph.to[e]!]!;
    if (a < 0 || b < 0 || a === b) continue;
    let line = lines.get(a * node.length + b);
    if (line === undefined) {
      line = from.push(a) - 1;
      to.push(b);
      count.push(0);
      lines.set(a * node.length + b, line);
    }
    count[line]!++;
    lineOf[e] = line;
  }
  return {
    node: Uint32Array.from(node),
    isGroup: Uint8Array.from(node, (of) => (of >= tree.assets ? 1 : 0)),
    parent: Int32Array.from(parent),
    isFrame: Uint8Array.from(isFrame),
    from: Uint32Array.from(from),
    to: Uint32Array.from(to),
    count: Uint32Array.from(count),
    boxOf,
    lineOf,
  };
}

function holdsAny(tree: Tree, only: Uint8Array): Uint8Array {
  const holds = new Uint8Array(tree.parent.length);
  for (let asset = 0; asset < tree.assets; asset++) {
    if (!only[asset]) continue;
    for (let at = asset; at !== NOBODY && !holds[at]; at = tree.parent[at]!) holds[at] = 1;
  }
  return holds;
}

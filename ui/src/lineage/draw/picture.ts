import type { Graph } from "../graph.ts";
import type { Lines, Scene } from "../layout/scene.ts";
import type { Links } from "../links.ts";
import type { Lit } from "../lit.ts";
import type { RollUp, Tree } from "../tree.ts";

/** All that is drawn, whatever of it is seen. */
export interface Picture {
  readonly graph: Graph;
  readonly tree: Tree;
  readonly scene: Scene;
  readonly rollUp: RollUp;
  /** What is lit, if somebody looks at something; all else is dim then. */
  readonly lit: Lit | null;
  /** The node that is looked at; -1 for none. */
  readonly subject: number;
  /** How long ago assets were made, as far as it is known, by key. */
  readonly ages: ReadonlyMap<string, string>;
  /** How many edges lead to a node of this graph, and from it. */
  linksOf(node: number): Links;
}

/** What encloses each line: left, top, right, bottom, so that those elsewhere are not drawn. */
export function enclosures(lines: Lines): Float64Array {
  const found = new Float64Array(4 * lines.from.length);
  for (let e = 0; e < lines.from.length; e++) {
    let top = Infinity;
    let bottom = -Infinity;
    let left = Infinity;
    let right = -Infinity;
    for (let p = lines.start[e]!; p < lines.start[e + 1]!; p++) {
      const x = lines.path[2 * p]!;
      const y = lines.path[2 * p + 1]!;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
    found.set([left, top, right, bottom], 4 * e);
  }
  return found;
}

/** Boxes by node, to find them in another scene. */
export function boxesByNode(scene: Scene): Map<number, number> {
  const boxes = new Map<number, number>();
  scene.node.forEach((node, box) => {
    boxes.set(node, box);
  });
  return boxes;
}

export function boxesByPath({ scene, tree }: Picture): Map<string, number> {
  const boxes = new Map<string, number>();
  scene.node.forEach((node, box) => {
    boxes.set(tree.path[node]!, box);
  });
  return boxes;
}

import type { Graph, Neighbours } from "./graph.ts";
import { NOBODY, type Tree } from "./tree.ts";

export interface Links {
  readonly ups: number;
  readonly downs: number;
}

/** How many edges lead to a node and from it; of a group only those from and to others. Each is counted once. */
export function linkCounter(graph: Graph, tree: Tree, { ups, downs }: Neighbours): (node: number) => Links {
  const known = new Map<number, Links>();
  return (node) => {
    let links = known.get(node);
    if (!links) {
      links = count(node);
      known.set(node, links);
    }
    return links;
  };

  function count(node: number): Links {
    let up = 0;
    let down = 0;
    const visit = (of: number): void => {
      for (const child of tree.children[of]!) visit(child);
      if (of >= tree.assets) return;
      for (let i = ups.start[of]!; i < ups.start[of + 1]!; i++) if (!isIn(graph.from[ups.edge[i]!]!, node)) up++;
      for (let i = downs.start[of]!; i < downs.start[of + 1]!; i++) if (!isIn(graph.to[downs.edge[i]!]!, node)) down++;
    };
    visit(node);
    return { ups: up, downs: down };
  }

  function isIn(asset: number, node: number): boolean {
    for (let at = asset; at !== NOBODY; at = tree.parent[at]!) if (at === node) return true;
    return false;
  }
}
